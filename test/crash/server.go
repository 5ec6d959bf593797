package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	readyMax      = 30 * time.Second
	readyPause    = 20 * time.Millisecond
	lastWordBytes = 4 << 10
)

// server is the program under test, started again and again on one folder.
type server struct {
	program, dir, address string
	process               *exec.Cmd // nil when it does not run
	client                *http.Client
}

// newServer chooses an address, which stays the same over all starts.
func newServer(program, dir string) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{program: program, dir: dir, address: l.Addr().String(), client: &http.Client{Timeout: 20 * time.Second}}
	return s, l.Close()
}

// define writes the project that the server applies at every start.
func (s *server) define(definitions string) error {
	project := filepath.Join(s.dir, "project")
	if err := os.MkdirAll(project, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(project, "tidemark.yaml"), []byte("name: crash\n"), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(project, "tables.sql"), []byte(definitions), 0o644)
}

// start starts the process and does not wait for it.
func (s *server) start() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log.txt"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	s.process = exec.Command(s.program, "run", "-p", filepath.Join(s.dir, "project"), "--data", filepath.Join(s.dir, "data"), "--listen", s.address)
	s.process.Stdout, s.process.Stderr = log, log
	return s.process.Start()
}

// waitReady waits until the server can do its work.
func (s *server) waitReady(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	for time.Since(begin) < readyMax {
		response, err := s.client.Get(s.url("/readyz"))
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return time.Since(begin), nil
			}
		}
		select {
		case <-time.After(readyPause):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return 0, fmt.Errorf("the server is not ready after %s", readyMax)
}

// kill ends the process as a crash would.
func (s *server) kill() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

// stop ends the process as an operator would.
func (s *server) stop() error {
	if s.process == nil {
		return nil
	}
	defer func() { s.process = nil }()
	if err := s.process.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	if err := s.process.Wait(); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	return nil
}

func (s *server) url(path string) string { return "http://" + s.address + path }

func (s *server) lastWords() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "log.txt"))
	return string(text[max(0, len(text)-lastWordBytes):])
}

// post posts a body of events and reads the receipt.
func (s *server) post(ctx context.Context, path, key, text string) (accepted, duplicates int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url("/api/v1/events/"+path), bytes.NewReader([]byte(text)))
	if err != nil {
		return 0, 0, err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	var receipt struct{ Accepted, Duplicates int }
	err = s.answer(request, &receipt)
	return receipt.Accepted, receipt.Duplicates, err
}

// ask asks a question whose answer is one row of numbers.
func (s *server) ask(ctx context.Context, question string) ([]int64, error) {
	body, err := json.Marshal(map[string]string{"sql": question})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url("/api/v1/query"), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	var answer struct{ Rows [][]any }
	if err := s.answer(request, &answer); err != nil {
		return nil, err
	}
	if len(answer.Rows) != 1 {
		return nil, fmt.Errorf("%d rows for %s", len(answer.Rows), question)
	}
	numbers := make([]int64, len(answer.Rows[0]))
	for i, v := range answer.Rows[0] {
		if v == nil {
			continue // the sum of no rows
		}
		if _, err := fmt.Sscan(fmt.Sprint(v), &numbers[i]); err != nil {
			return nil, fmt.Errorf("read answer %v: %w", v, err)
		}
	}
	return numbers, nil
}

// answer sends a request and reads the JSON that comes back.
func (s *server) answer(request *http.Request, into any) error {
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return refused{response.StatusCode, string(text)}
	}
	return json.Unmarshal(text, into)
}

// refused is an answer that is no success.
type refused struct {
	status int
	text   string
}

func (r refused) Error() string { return fmt.Sprintf("status %d: %s", r.status, r.text) }

// busy reports whether the request may be repeated.
func (r refused) busy() bool {
	return r.status == http.StatusServiceUnavailable || r.status == http.StatusTooManyRequests
}
