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
	"strconv"
	"strings"
	"time"
)

const (
	readyMax   = 30 * time.Second
	readyPause = 20 * time.Millisecond
	askMax     = 30 * time.Second
)

// server is the program under test.
type server struct {
	address, kafka string
	process        *exec.Cmd
	client         *http.Client
}

// freeAddress is one that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// startServer starts it, and returns when it is ready.
func startServer(ctx context.Context, program, dir string) (s *server, err error) {
	s = &server{client: &http.Client{Timeout: askMax}}
	if s.address, err = freeAddress(); err != nil {
		return nil, err
	}
	if s.kafka, err = freeAddress(); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log.txt"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.process = exec.Command(program, "run", "--data", filepath.Join(dir, "data"), "--listen", s.address, "--kafka-listen", s.kafka)
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	for begin := time.Now(); ; time.Sleep(readyPause) {
		response, err := s.client.Get("http://" + s.address + "/readyz")
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Since(begin) > readyMax || ctx.Err() != nil {
			return s, fmt.Errorf("the server is not ready after %v", readyMax)
		}
	}
	_, err = s.post(ctx, "/api/v1/statements", map[string]string{"sql": definitions})
	return s, err
}

// stop ends the process as an operator would.
func (s *server) stop() error {
	if err := s.process.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return s.process.Wait()
}

// memory is how much of it is in use.
func (s *server) memory() (bytes int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	if fields := strings.Fields(rest); len(fields) > 0 {
		kib, _ := strconv.ParseInt(fields[0], 10, 64)
		return kib << 10
	}
	return 0
}

func (s *server) post(ctx context.Context, path string, content any) ([]byte, error) {
	text, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.address+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, response.Status, answer)
	}
	return answer, err
}

// numbers asks a question whose answer is one row of numbers.
func (s *server) numbers(ctx context.Context, question string) ([]int64, error) {
	text, err := s.post(ctx, "/api/v1/query", map[string]string{"sql": question})
	if err != nil {
		return nil, err
	}
	var answer struct{ Rows [][]any }
	if err := json.Unmarshal(text, &answer); err != nil || len(answer.Rows) != 1 {
		return nil, fmt.Errorf("%s: %s", question, text)
	}
	numbers := make([]int64, len(answer.Rows[0]))
	for i, v := range answer.Rows[0] {
		if v != nil { // the sum of no rows
			if numbers[i], err = strconv.ParseInt(fmt.Sprint(v), 10, 64); err != nil {
				return nil, err
			}
		}
	}
	return numbers, nil
}
