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
	"tidemark/base/vfs"
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
	IdleBytes   int64   `json:"idle_bytes"` // resident; 0 where unknown
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
	r.IdleBytes = residentBytes(child.Process.Pid)
	return r, nil
}

// ready asks a server whether it is ready, which it is to be.
func ready(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask whether the server is ready: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return problem.New(problem.Internal, "the server said where it is and is not ready: %s", response.Status)
	}
	return nil
}

// residentBytes is the memory that a process has resident; 0 where unknown.
func residentBytes(pid int) int64 {
	text, err := vfs.ReadFile(vfs.OS(), fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			kilobytes, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}
