package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
)

// secrets is the file with what a server must not lose between two starts. It
// has the name that `pds dev` gives it, so that a folder of one serves the other.
const secrets = "dev.env"

// StartServer starts exe, which is this program, as `pds serve` on data in dir,
// which it makes; what dir held is served again. plc is the URL of a directory
// that keeps what it was told as long as dir is kept.
func StartServer(ctx context.Context, exe, dir, plc string) (*Process, error) {
	if err := makeSecrets(dir); err != nil {
		return nil, err
	}
	p := &Process{dir: dir, data: filepath.Join(dir, "data")}
	var metrics int
	if err := freePorts(&p.port, &metrics); err != nil {
		return nil, err
	}
	profiles := "127.0.0.1:" + strconv.Itoa(metrics)
	p.profiles = "http://" + profiles + "/debug/pprof/profile"
	p.command = func(awake int) *exec.Cmd {
		c := exec.Command(exe, "serve", "--env-file", filepath.Join(dir, secrets))
		c.Env = append(withoutSettings(os.Environ()), "LOG_LEVEL=warn",
			"PDS_PORT="+strconv.Itoa(p.port), "PDS_BIND_ADDRESS=127.0.0.1", "PDS_DATA_DIRECTORY="+p.data,
			"PDS_DID_PLC_URL="+plc, "PDS_DEV_MODE=true", "PDS_INVITE_REQUIRED=false", "PDS_RATE_LIMITS_ENABLED=false",
			"PDS_METRICS_ADDRESS="+profiles)
		return places(c, awake)
	}
	return p, p.start(ctx, 0)
}

// places says how many accounts may be awake, in words that both servers know.
func places(c *exec.Cmd, awake int) *exec.Cmd {
	if awake > 0 {
		c.Env = append(c.Env, "PDS_ACTOR_STORE_CACHE_SIZE="+strconv.Itoa(awake))
	}
	return c
}

// makeSecrets writes the file unless it is there.
func makeSecrets(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file := filepath.Join(dir, secrets)
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	key, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		return err
	}
	return os.WriteFile(file, fmt.Appendf(nil, "# Made by pds bench. For this machine only.\nPDS_JWT_SECRET=%s\nPDS_ADMIN_PASSWORD=admin\nPDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX=%x\n",
		rand.Text()+rand.Text(), key.Bytes()), 0o600)
}
