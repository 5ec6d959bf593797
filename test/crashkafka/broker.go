package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// broker is a Kafka broker of the drill's own, which keeps its records in the
// drill's folder over all its starts.
type broker struct {
	script, home string
	port         int
}

// newBroker finds the broker's program where fetch.sh has put it.
func newBroker(scripts, dir string) (*broker, error) {
	script, err := filepath.Abs(filepath.Join(scripts, "kafka.sh"))
	if err != nil {
		return nil, err
	}
	installed := os.Getenv("CLUSTER_HOME")
	if installed == "" {
		cache, err := os.UserHomeDir()
		if err != nil {
			return nil, err
		}
		installed = filepath.Join(cache, ".cache", "tidemark-cluster")
	}
	libraries := filepath.Join(installed, "kafka", "lib")
	if _, err := os.Stat(libraries); err != nil {
		return nil, fmt.Errorf("there is no Kafka here (%w): run %s/fetch.sh first", err, scripts)
	}
	b := &broker{script: script, home: filepath.Join(dir, "cluster")}
	if err := os.MkdirAll(filepath.Join(b.home, "kafka"), 0o755); err != nil {
		return nil, err
	}
	if err := os.Symlink(libraries, filepath.Join(b.home, "kafka", "lib")); err != nil {
		return nil, err
	}
	b.port, err = freePorts()
	return b, err
}

// freePorts finds two neighbouring ports, for clients and for the controller.
func freePorts() (int, error) {
	for range 100 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := first.Addr().(*net.TCPAddr).Port
		second, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
		_ = first.Close()
		if err == nil {
			_ = second.Close()
			return port, nil
		}
	}
	return 0, errors.New("no two free ports")
}

func (b *broker) address() string { return fmt.Sprintf("127.0.0.1:%d", b.port) }

// start starts the broker and waits until it listens.
func (b *broker) start(ctx context.Context) error {
	c := exec.CommandContext(ctx, b.script, "start")
	c.Env = append(os.Environ(), "CLUSTER_HOME="+b.home, "KAFKA_PORT="+strconv.Itoa(b.port))
	// The broker that stays must not hold our pipes open.
	log, err := os.OpenFile(filepath.Join(b.home, "start.txt"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	c.Stdout, c.Stderr = log, log
	if err := c.Run(); err != nil {
		return fmt.Errorf("start the broker: %w, see %s", err, log.Name())
	}
	return nil
}

// kill ends the broker as a crash would.
func (b *broker) kill() error {
	text, err := os.ReadFile(filepath.Join(b.home, "run", "kafka.pid"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}
