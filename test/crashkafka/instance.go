package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	readyMax      = 60 * time.Second
	readyPause    = 20 * time.Millisecond
	lastWordBytes = 4 << 10
)

// instance is one process of Tidemark on a data folder.
type instance struct {
	data, address string
	process       *exec.Cmd
}

// startInstance starts a process; it does not wait for it.
func (d *drill) startInstance(data string) (*instance, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	i := &instance{data: data, address: l.Addr().String()}
	if err := l.Close(); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(d.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	i.process = exec.Command(d.program, "run", "-p", filepath.Join(d.dir, "project"), "--data", data, "--listen", i.address)
	i.process.Stdout, i.process.Stderr = log, log
	return i, i.process.Start()
}

func (d *drill) logFile() string { return filepath.Join(d.dir, "log.txt") }

func (d *drill) lastWords() string {
	text, _ := os.ReadFile(d.logFile())
	return string(text[max(0, len(text)-lastWordBytes):])
}

// waitReady waits until the instance can do its work.
func (i *instance) waitReady(ctx context.Context) error {
	for begin := time.Now(); time.Since(begin) < readyMax; {
		response, err := http.Get("http://" + i.address + "/readyz")
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(readyPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("the instance is not ready after %s", readyMax)
}

// sleep stops the process where it is, as a machine under pressure would.
func (i *instance) sleep() error { return i.process.Process.Signal(syscall.SIGSTOP) }

// wake lets it go on as if nothing had been.
func (i *instance) wake() error { return i.process.Process.Signal(syscall.SIGCONT) }

// kill ends the process as a crash would.
func (i *instance) kill() {
	if i != nil && i.process != nil {
		_ = i.process.Process.Kill()
		_ = i.process.Wait()
		i.process = nil
	}
}
