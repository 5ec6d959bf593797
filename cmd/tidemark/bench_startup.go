package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tidemark/base/problem"
)

const (
	startupMax          = time.Second // the bars
	idleBytesMax        = 250 << 20
	idleAfter           = 5 * time.Second // when memory is looked at
	startupWaitMax      = time.Minute
	startupAfterSeconds = 5 // of freshness: a shorter run is a test of the program
)

// startupResult is what startup measured.
type startupResult struct {
	ReadyMillis float64 `json:"ready_ms"`
	IdleBytes   int64   `json:"idle_bytes"` // resident
}

func (r *startupResult) wrong() string { return "" }

func (r *startupResult) print(w io.Writer) {
	verdict := func(good bool) string {
		if good {
			return "OK"
		}
		return "above the bar"
	}
	fmt.Fprintf(w, "  %-28s %.0f ms: %s\n", "start until ready", r.ReadyMillis, verdict(r.ReadyMillis <= milliseconds(startupMax)))
	fmt.Fprintf(w, "  %-28s %d MiB: %s\n", "idle memory", r.IdleBytes/mebibyte, verdict(r.IdleBytes <= idleBytesMax))
}

// startup fills a data folder with the ad project's events and starts on it.
func (o *benchOptions) startup(ctx context.Context, c *console) (*startupResult, error) {
	filled := *o
	filled.seconds = startupAfterSeconds
	r, err := filled.freshness(ctx, c)
	if err != nil {
		return nil, err
	}
	return r.Startup, nil
}

var listens = regexp.MustCompile(`http://[0-9.:]+`)

// measureStartup starts this program as a server of its own, with existing data,
// until it says that it is ready, and looks at its memory a while later.
func measureStartup(ctx context.Context, data string) (r *startupResult, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startupWaitMax)
	defer cancel()
	child := exec.CommandContext(ctx, program, "run", "--data", data, "--listen", "127.0.0.1:0")
	out, err := child.StdoutPipe()
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := child.Start(); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	defer func() {
		_ = child.Process.Signal(os.Interrupt)
		_ = child.Wait()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	url := listens.FindString(line)
	if err != nil || url == "" {
		return nil, problem.New(problem.Internal, "the server did not say where it is: %q", line)
	}
	if err := ready(ctx, url); err != nil {
		return nil, err
	}
	r = &startupResult{ReadyMillis: milliseconds(time.Since(begin))}
	select {
	case <-time.After(idleAfter):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r.IdleBytes, err = residentBytes(ctx, url)
	return r, err
}

// ready asks a server whether it is ready, which it is to be.
func ready(ctx context.Context, url string) error {
	status, _, err := get(ctx, url+"/readyz")
	if err != nil {
		return fmt.Errorf("ask whether the server is ready: %w", err)
	}
	if status != http.StatusOK {
		return problem.New(problem.Internal, "the server said where it is and is not ready: %d", status)
	}
	return nil
}

const residentMetric = "process_resident_memory_bytes"

// residentBytes is the memory that a server says it has resident.
func residentBytes(ctx context.Context, url string) (int64, error) {
	_, text, err := get(ctx, url+"/metrics")
	if err != nil {
		return 0, fmt.Errorf("ask for memory: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, residentMetric+" "); found {
			resident, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			return int64(resident), err
		}
	}
	return 0, problem.New(problem.Internal, "the server's metrics have no %s", residentMetric)
}
