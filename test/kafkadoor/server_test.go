// Package kafkadoor tries the Kafka door of the real program with other programs:
// it is killed under franz-go's producers, and kcat, Kafka's own console tools and
// a real Flink write to it and read from it.
//
// It needs the program: TIDEMARK_BIN names it. Other programs that are not there
// are skipped by name; test/cluster/fetch.sh brings Kafka's and Flink.
package kafkadoor

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
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tidemark/test/cluster"
)

const (
	readyMax = 60 * time.Second
	pause    = 20 * time.Millisecond // between looks at something that takes a while
	peerMax  = 2 * time.Minute       // for what another program does
)

const definitions = `
CREATE TABLE events (id BIGINT NOT NULL, source STRING) WITH ('partitions' = '4');
CREATE TABLE copies (id BIGINT NOT NULL, source STRING) WITH ('partitions' = '2');
CREATE TABLE people (id BIGINT, name STRING, PRIMARY KEY (id) NOT ENFORCED);
`

// server is the program, started again and again on one folder.
type server struct {
	t                         testing.TB
	program, dir, http, kafka string
	process                   *exec.Cmd
}

func newServer(t testing.TB) *server {
	t.Helper()
	program := os.Getenv("TIDEMARK_BIN")
	if program == "" {
		t.Skip("SKIPPED: TIDEMARK_BIN does not name the program; make kafkadoor does")
	}
	s := &server{t: t, program: program, dir: t.TempDir(), http: address(t), kafka: address(t)}
	project := filepath.Join(s.dir, "project")
	if err := os.Mkdir(project, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"tidemark.yaml": "name: kafkadoor\n", "tables.sql": definitions} {
		if err := os.WriteFile(filepath.Join(project, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		s.kill()
		if text, err := os.ReadFile(filepath.Join(s.dir, "log.txt")); err == nil && t.Failed() {
			t.Logf("the server says:\n%s", text[max(0, len(text)-8000):])
		}
	})
	s.start()
	return s
}

// address chooses one that stays the same over all starts.
func address(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (s *server) start() {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log.txt"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	s.process = exec.Command(s.program, "run", "-p", filepath.Join(s.dir, "project"), "--data", filepath.Join(s.dir, "data"), "--listen", s.http, "--kafka-listen", s.kafka)
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	for begin := time.Now(); ; time.Sleep(pause) {
		response, err := http.Get("http://" + s.http + "/readyz")
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Since(begin) > readyMax {
			s.t.Fatalf("the server is not ready after %s", readyMax)
		}
	}
}

// kill ends the process as a crash would.
func (s *server) kill() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

func (s *server) client(options ...kgo.Opt) *kgo.Client {
	s.t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(s.kafka), kgo.RetryTimeout(readyMax), kgo.RequestTimeoutOverhead(5 * time.Second)}, options...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// ask asks a question whose answer is one row, until it is what it should be:
// rows become visible a little after they are durable.
func (s *server) ask(question, want string) {
	s.t.Helper()
	body, err := json.Marshal(map[string]string{"sql": question})
	if err != nil {
		s.t.Fatal(err)
	}
	got := ""
	for begin := time.Now(); time.Since(begin) < readyMax; time.Sleep(pause) {
		response, err := http.Post("http://"+s.http+"/api/v1/query", "application/json", bytes.NewReader(body))
		if err != nil {
			s.t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			s.t.Fatal(err)
		}
		var answer struct{ Rows [][]any }
		if err := json.Unmarshal(text, &answer); err != nil || response.StatusCode != http.StatusOK {
			got = string(text)
			continue
		}
		if got = strings.Trim(fmt.Sprint(answer.Rows), "[]"); got == want {
			return
		}
	}
	s.t.Errorf("%s: %s, want %s", question, got, want)
}

// everything reads a topic to its end, partition by partition.
func (s *server) everything(topic string) map[int32][]*kgo.Record {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), peerMax)
	defer cancel()
	marks := s.client()
	defer marks.Close()
	ends, err := ends(ctx, marks, topic)
	if err != nil {
		s.t.Fatal(err)
	}
	c := s.client(kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer c.Close()
	all := map[int32][]*kgo.Record{}
	for !reached(all, ends) {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			s.t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { all[r.Partition] = append(all[r.Partition], r) })
	}
	return all
}

func reached(all map[int32][]*kgo.Record, ends map[int32]int64) bool {
	for p, end := range ends {
		if n := len(all[p]); end > 0 && (n == 0 || all[p][n-1].Offset < end-1) {
			return false
		}
	}
	return true
}

// peer runs another program, which is skipped when it is not there.
func peer(t *testing.T, input string, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not here", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), peerMax)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Stdin = strings.NewReader(input)
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, said.String())
	}
	return string(out)
}

// installed is the folder that test/cluster/fetch.sh fills.
func installed(t *testing.T, part string) string {
	t.Helper()
	home, err := cluster.Home(part)
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	return home
}

func lines(from, to int, source string) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "{\"id\":%d,\"source\":%q}\n", i, source)
	}
	return b.String()
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
