// Package cluster is the real Flink and the real Kafka broker of this folder's
// scripts, for tests and drills written in Go.
//
// It holds no cases: who uses it says what runs on them.
//
// Flow: Fetch, or Home where it was done → Flink.Start or Broker.Start → scripts
// and clients → Stop or Kill, which the starter owes.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// script is a file of this folder.
func script(name string) string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), name)
}

// Home is the folder that fetch.sh fills. The error says that a part of it, such
// as flink/lib, is not there.
func Home(part string) (string, error) {
	home := os.Getenv("CLUSTER_HOME")
	if home == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		home = filepath.Join(user, ".cache", "tidemark-cluster")
	}
	if _, err := os.Stat(filepath.Join(home, part)); err != nil {
		return "", fmt.Errorf("%s is not here: test/cluster/fetch.sh brings it", part)
	}
	return home, nil
}

// Fetch brings what is missing.
func Fetch(ctx context.Context) error { return do(ctx, "fetch.sh") }

// do runs a script to its end. What it starts must not keep our pipes.
func do(ctx context.Context, name string, args ...string) error {
	said, err := os.CreateTemp("", "cluster-")
	if err != nil {
		return err
	}
	defer os.Remove(said.Name())
	defer said.Close()
	c := exec.CommandContext(ctx, script(name), args...)
	c.Stdout, c.Stderr = said, said
	if err := c.Run(); err != nil {
		text, _ := os.ReadFile(said.Name())
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, text)
	}
	return nil
}

// Gateway is where the Flink of StartFlink takes statements.
const Gateway = "http://127.0.0.1:8083"

// StartFlink brings up a Flink with some slots for tasks, unless one is running,
// and gives what stops it, which must be called.
func StartFlink(ctx context.Context, slots int) (stop func() error, err error) {
	if do(ctx, "flink.sh", "status") == nil {
		return func() error { return nil }, nil
	}
	stop = func() error { return do(context.Background(), "flink.sh", "stop") }
	if err := do(ctx, "flink.sh", "start", strconv.Itoa(slots)); err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}

// Exec is the command that runs a file of statements on that Flink: it takes the
// arguments of tidemark exec, and prints what that prints as rows.
func Exec(ctx context.Context, file string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, script("flink-exec"), append([]string{"exec", "-f", file}, args...)...)
}

// Broker is a Kafka broker that keeps its records over all its starts.
type Broker struct {
	home string
	port int
}

// NewBroker makes a broker that keeps its records in a folder.
func NewBroker(dir string) (*Broker, error) {
	installed, err := Home("kafka/lib")
	if err != nil {
		return nil, err
	}
	b := &Broker{home: filepath.Join(dir, "cluster")}
	if err := os.MkdirAll(filepath.Join(b.home, "kafka"), 0o755); err != nil {
		return nil, err
	}
	if err := os.Symlink(filepath.Join(installed, "kafka", "lib"), filepath.Join(b.home, "kafka", "lib")); err != nil {
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

// Address is where clients find the broker.
func (b *Broker) Address() string { return fmt.Sprintf("127.0.0.1:%d", b.port) }

// Start starts the broker and waits until it listens.
func (b *Broker) Start(ctx context.Context) error {
	c := exec.CommandContext(ctx, script("kafka.sh"), "start")
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

// Kill ends the broker as a crash would.
func (b *Broker) Kill() error {
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
