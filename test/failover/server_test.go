package failover

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tidemark/serve/httpapi"
)

// server is the program, started again and again on one folder.
type server struct {
	t                         testing.TB
	program, dir, http, kafka string
	process                   *exec.Cmd
}

// folder is for the program, when it is built here.
var folder string

var build = sync.OnceValues(func() (string, error) {
	name := filepath.Join(folder, "tidemark")
	if said, err := exec.Command("go", "build", "-o", name, "tidemark/cmd/tidemark").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, said)
	}
	return name, nil
})

// program is what TIDEMARK_BIN names, or is built once.
func program(t testing.TB) string {
	t.Helper()
	if named := os.Getenv("TIDEMARK_BIN"); named != "" {
		return named
	}
	name, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if folder, err = os.MkdirTemp("", "failover-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(folder)
		return m.Run()
	}())
}

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{t: t, program: program(t), dir: t.TempDir(), http: fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	t.Cleanup(func() {
		s.kill()
		if text, err := os.ReadFile(filepath.Join(s.dir, "log.txt")); err == nil && t.Failed() {
			t.Logf("the server says:\n%s", text[max(0, len(text)-8000):])
		}
	})
	s.start()
	return s
}

// start returns when the server is ready.
func (s *server) start() {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log.txt"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	args := []string{"run", "--data", filepath.Join(s.dir, "data"), "--listen", s.http}
	if s.kafka != "" {
		args = append(args, "--kafka-listen", s.kafka)
	}
	s.process = exec.Command(s.program, args...)
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.wait("the server is ready", func() bool {
		response, err := http.Get("http://" + s.http + "/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// kill ends the process as a crash would.
func (s *server) kill() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

// wait looks until something is so.
func (s *server) wait(what string, is func() bool) {
	s.t.Helper()
	for begin := time.Now(); !is(); time.Sleep(pause) {
		if time.Since(begin) > settleMax {
			s.t.Fatalf("%s: not after %v", what, settleMax)
		}
	}
}

func (s *server) call(method, path string, request any) ([]byte, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	call, err := http.NewRequest(method, "http://"+s.http+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(call)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s %s", method, path, response.Status, answer)
	}
	return answer, err
}

func (s *server) define(text string) {
	s.t.Helper()
	if _, err := s.call(http.MethodPost, "/api/v1/statements", map[string]string{"sql": text}); err != nil {
		s.t.Fatal(err)
	}
}

// rows asks a question, and gives a line for each row.
func (s *server) rows(question string) []string {
	s.t.Helper()
	body, err := s.call(http.MethodPost, "/api/v1/query", map[string]any{"sql": question, "max_rows": 100_000})
	if err != nil {
		s.t.Fatal(err)
	}
	var answer struct{ Rows [][]any }
	decode(s.t, body, &answer)
	lines := make([]string, len(answer.Rows))
	for i, row := range answer.Rows {
		cells := make([]string, len(row))
		for k, cell := range row {
			cells[k] = strings.Replace(fmt.Sprint(cell), ".000Z", "Z", 1)
		}
		lines[i] = strings.Join(cells, " ")
	}
	return lines
}

// settles asks a question of one cell until the answer is as wanted.
func (s *server) settles(question, want string) {
	s.t.Helper()
	var got []string
	for begin := time.Now(); time.Since(begin) < settleMax; time.Sleep(pause) {
		if got = s.rows(question); len(got) == 1 && got[0] == want {
			return
		}
	}
	s.t.Fatalf("%s: %v, want %s", question, got, want)
}

// gapsUntil lists the gaps when they are as wanted.
func (s *server) gapsUntil(what string, are func([]httpapi.Gap) bool) []httpapi.Gap {
	s.t.Helper()
	var list httpapi.GapList
	for begin := time.Now(); time.Since(begin) < settleMax; time.Sleep(pause) {
		body, err := s.call(http.MethodGet, "/api/v1/gaps", nil)
		if err != nil {
			s.t.Fatal(err)
		}
		list = httpapi.GapList{}
		decode(s.t, body, &list)
		if are(list.Gaps) {
			return list.Gaps
		}
	}
	text, _ := json.MarshalIndent(list, "", "  ")
	s.t.Fatalf("%s: never; gaps %s", what, text)
	return nil
}

// finalUntil is how far a table is settled; nil when nothing is.
func (s *server) finalUntil(table string) *time.Time {
	s.t.Helper()
	body, err := s.call(http.MethodGet, "/api/v1/progress/"+table, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	var p httpapi.TableProgress
	decode(s.t, body, &p)
	return p.FinalUntil
}

// run runs a command against the server and gives what it prints.
func (s *server) run(command string, args ...string) string {
	s.t.Helper()
	said, err := exec.Command(s.program, append([]string{command, "--url", "http://" + s.http}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %v: %v\n%s", command, args, err, said)
	}
	return string(said)
}
