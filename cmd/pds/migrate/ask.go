package migrate

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Terminal answers from what was given and, where a terminal is there, asks.
type Terminal struct {
	In    *os.File
	Out   io.Writer
	Given map[Secret]string
	Done  <-chan struct{} // nobody waits for an answer any more

	lines *bufio.Reader
}

// Secret implements Asker. A secret is only read from a terminal, where it is
// not shown: a pipe would take the line that somebody meant for something else.
func (t *Terminal) Secret(which Secret, prompt string) (string, error) {
	if given := t.Given[which]; given != "" {
		if which == SecretFactor {
			delete(t.Given, which) // good for once
		}
		return given, nil
	}
	restore, err := hideInput(t.In)
	if err != nil {
		return "", fmt.Errorf("%s: %w", which, ErrNobody)
	}
	fmt.Fprint(t.Out, prompt+": ")
	answer, err := t.line()
	restore()
	fmt.Fprintln(t.Out)
	if err == nil && answer == "" {
		err = fmt.Errorf("%s: nothing was typed", which)
	}
	return answer, err
}

// Code implements Asker.
func (t *Terminal) Code(prompt string) (string, error) {
	fmt.Fprint(t.Out, prompt+": ")
	return t.line()
}

// line reads a line, or gives up with whoever asked: the terminal has to be
// put back in order then, so that waiting for the line is no option.
func (t *Terminal) line() (string, error) {
	if t.lines == nil {
		t.lines = bufio.NewReader(t.In)
	}
	type answer struct {
		line string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		line, err := t.lines.ReadString('\n')
		read <- answer{strings.TrimSpace(line), err}
	}()
	select {
	case <-t.Done:
		return "", errors.New("interrupted")
	case a := <-read:
		if errors.Is(a.err, io.EOF) && a.line == "" {
			return "", ErrNobody
		}
		if errors.Is(a.err, io.EOF) {
			a.err = nil
		}
		return a.line, a.err
	}
}
