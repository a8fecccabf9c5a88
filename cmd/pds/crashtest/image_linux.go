package crashtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// From the kernel's fs/ext4/ext4.h: EXT4_IOC_SHUTDOWN, and to end without
// writing the journal out.
const (
	ext4Shutdown   = 0x8004587D
	ext4NoLogFlush = 2
)

// image is an ext4 file system in a file, mounted through a loop device. Shut
// down, it loses what was not synced, as by a power cut.
type image struct{ file, mount string }

func newImage(dir string, mib int) (disk, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("crashtest: this kind mounts an image, which takes root")
	}
	i := image{filepath.Join(dir, "disk.img"), filepath.Join(dir, "disk")}
	f, err := os.Create(i.file)
	if err != nil {
		return nil, err
	}
	err = f.Truncate(int64(mib) << 20)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if err := os.Mkdir(i.mount, 0o700); err != nil {
		return nil, err
	}
	if err := run("mkfs.ext4", "-q", "-m", "0", i.file); err != nil {
		return nil, err
	}
	if err := i.attach(); err != nil {
		return nil, err
	}
	if err := os.Mkdir(i.data(), 0o700); err != nil {
		return nil, errors.Join(err, i.close())
	}
	return i, nil
}

func (i image) attach() error { return run("mount", "-o", "loop", i.file, i.mount) }

func (i image) data() string     { return filepath.Join(i.mount, "data") }
func (i image) ballast() ballast { return ballast{filepath.Join(i.mount, "ballast")} }

func (i image) cut() error {
	d, err := os.Open(i.mount)
	if err != nil {
		return err
	}
	defer d.Close()
	flag := uint32(ext4NoLogFlush)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, d.Fd(), ext4Shutdown, uintptr(unsafe.Pointer(&flag))); errno != 0 {
		return fmt.Errorf("cut the power of %s: %w", i.mount, errno)
	}
	return nil
}

func (i image) restore() error {
	if err := i.close(); err != nil {
		return err
	}
	return i.attach()
}

// close retries while the kernel still takes down what a killed process held.
func (i image) close() error {
	var err error
	for range 100 {
		if err = run("umount", i.mount); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// ownGroup keeps a terminal's interrupt from the server, which is the
// campaign's to handle, and lets the server end with the campaign however that
// ends.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }

func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
