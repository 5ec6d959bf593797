package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/google/go-cmp/cmp"
)

// child is the program, running as a process of its own.
type child struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	out  *bufio.Reader
	errs *bytes.Buffer
}

// start runs the server on a free port; it is ready when start returns.
func start(t *testing.T, data string, args ...string) *child {
	t.Helper()
	c := &child{t: t, errs: &bytes.Buffer{}}
	c.cmd = exec.Command("tidemark", append([]string{"run", "--listen", "127.0.0.1:0", "--data", data}, args...)...)
	c.cmd.Stderr = c.errs
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.cmd.ProcessState == nil {
			c.kill()
		}
	})
	c.out = bufio.NewReader(out)
	line, err := c.out.ReadString('\n')
	found := regexp.MustCompile(`http://\S+`).FindString(line)
	if err != nil || found == "" {
		_ = c.cmd.Wait()
		t.Fatalf("the server said %q (%v), and %s", line, err, c.errs)
	}
	c.url = found
	return c
}

// kill ends the process abruptly.
func (c *child) kill() {
	c.t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		c.t.Fatal(err)
	}
	_ = c.cmd.Wait()
}

// interrupt stops the process as Ctrl-C does and demands that it ends well.
func (c *child) interrupt() {
	c.t.Helper()
	if err := c.cmd.Process.Signal(os.Interrupt); err != nil {
		c.t.Fatal(err)
	}
	rest, _ := io.ReadAll(c.out)
	if err := c.cmd.Wait(); err != nil || !strings.Contains(string(rest), "Stopping") {
		c.t.Errorf("the server ended with %v, printed %q and %s", err, rest, c.errs)
	}
}

// call sends a request and demands a status.
func (c *child) call(status int, method, path, body string, header ...string) (http.Header, []byte) {
	c.t.Helper()
	h, answer, err := c.try(status, method, path, body, header...)
	if err != nil {
		c.t.Fatal(err)
	}
	return h, answer
}

func (c *child) try(status int, method, path, body string, header ...string) (http.Header, []byte, error) {
	request, err := http.NewRequest(method, c.url+path, strings.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != status {
		err = fmt.Errorf("%s %s: %s, want %d: %s", method, path, response.Status, status, answer)
	}
	return response.Header, answer, err
}

// define runs definitions.
func (c *child) define(text string) {
	c.t.Helper()
	c.call(200, "POST", "/api/v1/statements", asked(text))
}

// rows asks a question, and gives the answer's cells as text.
func (c *child) rows(question string) [][]string {
	c.t.Helper()
	_, body := c.call(200, "POST", "/api/v1/query", asked(question))
	var answer struct{ Rows [][]any }
	decode(c.t, body, &answer)
	all := make([][]string, len(answer.Rows))
	for i, row := range answer.Rows {
		for _, cell := range row {
			all[i] = append(all[i], fmt.Sprint(cell))
		}
	}
	return all
}

// settles asks until the rows are as wanted: wait=applied is about the table that
// was posted to, and those that read it follow.
func (c *child) settles(question string, want [][]string) {
	c.t.Helper()
	diff := ""
	for deadline := time.Now().Add(settleMax); time.Now().Before(deadline); time.Sleep(askInterval) {
		if diff = cmp.Diff(want, c.rows(question)); diff == "" {
			return
		}
	}
	c.t.Errorf("%s after %v:\n%s", question, settleMax, diff)
}

const (
	settleMax   = 20 * time.Second
	askInterval = 20 * time.Millisecond
)

// asked is the body that holds a statement.
func asked(text string) string {
	body, _ := json.Marshal(map[string]string{"sql": text})
	return string(body)
}

func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

// accepted is what the events door answers.
type accepted struct {
	Accepted    int  `json:"accepted"`
	Duplicates  int  `json:"duplicates"`
	Applied     bool `json:"applied"`
	Quarantined []struct {
		Line  int    `json:"line"`
		Code  string `json:"code"`
		Field string `json:"field"`
	} `json:"quarantined"`
}

const threeRows = `{"id":1,"name":"a"}
{"id":"x","name":"b"}
{"id":3,"name":"c"}
`

func TestRunQuarantinesWhatCannotBeRead(t *testing.T) {
	c := start(t, t.TempDir())
	c.define("CREATE TABLE t (id BIGINT, name STRING)")
	_, body := c.call(200, "POST", "/api/v1/events/t?wait=applied", threeRows)
	var got accepted
	decode(t, body, &got)
	if got.Accepted != 2 || !got.Applied || len(got.Quarantined) != 1 || got.Quarantined[0].Line != 2 || got.Quarantined[0].Field != "id" || got.Quarantined[0].Code != "type_mismatch" {
		t.Errorf("the door answered %s", body)
	}
	// wait=applied: what was posted is seen at once.
	want := [][]string{{"1", "a"}, {"3", "c"}}
	if diff := cmp.Diff(want, c.rows("SELECT id, name FROM t ORDER BY id")); diff != "" {
		t.Error(diff)
	}
	want = [][]string{{"2", "type_mismatch", "id", `"x" is not of type BIGINT`, `{"id":"x","name":"b"}`}}
	for _, quoted := range []string{"`t$quarantine`", `"t$quarantine"`} {
		if diff := cmp.Diff(want, c.rows("SELECT line, code, field, message, `raw` FROM "+quoted)); diff != "" {
			t.Error(diff)
		}
	}
	c.call(404, "POST", "/api/v1/events/tt", threeRows)
}

func TestRunAnswersInFourForms(t *testing.T) {
	c := start(t, t.TempDir())
	c.define("CREATE TABLE t (id BIGINT, name STRING)")
	c.call(200, "POST", "/api/v1/events/t?wait=applied", threeRows)
	question := asked("SELECT id, name FROM t ORDER BY id")
	ask := func(accept, wantType string) []byte {
		t.Helper()
		h, body := c.call(200, "POST", "/api/v1/query", question, "Accept", accept)
		if !strings.HasPrefix(h.Get("Content-Type"), wantType) {
			t.Errorf("asked for %s, got %s", accept, h.Get("Content-Type"))
		}
		return body
	}
	var answer struct {
		Columns []struct{ Name, Type string }
		Rows    [][]any
	}
	decode(t, ask("application/json", "application/json"), &answer)
	if len(answer.Columns) != 2 || answer.Columns[0].Type != "BIGINT" || len(answer.Rows) != 2 || answer.Rows[1][0] != "3" {
		t.Errorf("JSON: %+v", answer)
	}
	if got := strings.ReplaceAll(string(ask("text/csv", "text/csv")), "\r\n", "\n"); got != "id,name\n1,a\n3,c\n" {
		t.Errorf("CSV: %q", got)
	}
	if got := string(ask("application/x-ndjson", "application/x-ndjson")); got != "{\"id\":\"1\",\"name\":\"a\"}\n{\"id\":\"3\",\"name\":\"c\"}\n" {
		t.Errorf("NDJSON: %q", got)
	}
	r, err := ipc.NewReader(bytes.NewReader(ask("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream")))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	rows := int64(0)
	for r.Next() {
		rows += r.RecordBatch().NumRows()
	}
	if r.Err() != nil || rows != 2 || r.Schema().NumFields() != 2 || r.Schema().Field(1).Name != "name" {
		t.Errorf("Arrow: %d rows, %v, %v", rows, r.Schema(), r.Err())
	}
}

func TestRunGoesOnAfterStops(t *testing.T) {
	data := t.TempDir()
	c := start(t, data)
	c.define(`CREATE TABLE t (id BIGINT, name STRING);
CREATE MATERIALIZED TABLE names FRESHNESS = INTERVAL '1' SECOND AS SELECT name, COUNT(*) AS n FROM t GROUP BY name`)
	c.call(200, "POST", "/api/v1/events/t?wait=applied", threeRows, "Idempotency-Key", "batch-1")

	// Nobody else gets the folder.
	second := exec.Command("tidemark", "run", "--listen", "127.0.0.1:0", "--data", data)
	text, err := second.CombinedOutput()
	var failed *exec.ExitError
	if !errors.As(err, &failed) || failed.ExitCode() != exitUser || !strings.Contains(string(text), "another process uses the data folder") {
		t.Errorf("a second server on the same folder: %v, %s", err, text)
	}

	c.interrupt()
	c = start(t, data)
	var again accepted
	_, body := c.call(200, "POST", "/api/v1/events/t?wait=applied", threeRows, "Idempotency-Key", "batch-1")
	decode(t, body, &again)
	if again.Accepted != 0 || again.Duplicates != 2 {
		t.Errorf("the same batch after a restart: %s", body)
	}
	c.call(200, "POST", "/api/v1/events/t?wait=applied", `{"id":4,"name":"a"}`)
	c.kill()
	c = start(t, data)
	c.call(200, "POST", "/api/v1/events/t?wait=applied", `{"id":5,"name":"c"}`)
	if diff := cmp.Diff([][]string{{"1", "a"}, {"3", "c"}, {"4", "a"}, {"5", "c"}}, c.rows("SELECT id, name FROM t ORDER BY id")); diff != "" {
		t.Error(diff)
	}
	c.settles("SELECT name, n FROM names ORDER BY name", [][]string{{"a", "2"}, {"c", "2"}})

	// The client, against this server.
	sql := exec.Command("tidemark", "sql", "--url", c.url)
	sql.Stdin = strings.NewReader("SELECT COUNT(*) AS n FROM t;\nDROP TABLE t;\nDROP MATERIALIZED TABLE names; DROP TABLE t;\n")
	text, err = sql.CombinedOutput()
	if !errors.As(err, &failed) || failed.ExitCode() != exitUser {
		t.Errorf("a script with a mistake ended with %v", err)
	}
	for _, want := range []string{"n\n4\n(1 rows", "t is read by names [conflict]", "materialized table names: done\ntable t: done\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the client printed %s, without %q", text, want)
		}
	}
	c.interrupt()
}

// obd is the folder of the Open Bandit data set, which is not part of the
// repository.
const obd = "../../../shared/data/obd_zozo/bts"

var (
	impressionsByDay = []string{"1837", "1236", "1307", "1493", "1423", "1362", "1342"}
	clicksByDay      = []string{"15", "14", "9", "8", "9", "4", "10"}
	byPosition       = [][]string{{"1", "3339", "30"}, {"2", "3262", "21"}, {"3", "3399", "18"}}
)

func needObd(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(obd, "men.csv.gz")); err != nil {
		t.Skipf("the Open Bandit data set is not at %s: this answer was not checked", obd)
	}
}

func TestOpenBanditScripts(t *testing.T) {
	needObd(t)
	for _, c := range []struct {
		script, mode string
	}{{"daily.sql", "batch"}, {"daily.sql", "streaming"}, {"position.sql", "batch"}} {
		t.Run(c.script+" "+c.mode, func(t *testing.T) {
			cmd := exec.Command("tidemark", "exec", "-f", "../../examples/openbandit/"+c.script, "--var", "DIR="+obd, "--format", "csv", "--mode", c.mode)
			cmd.Stderr = os.Stderr
			text, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			records, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
			if err != nil || len(records) == 0 {
				t.Fatalf("%v in %q", err, text)
			}
			var got [][]string
			for _, r := range records[1:] {
				got = append(got, r[len(r)-3:])
			}
			want := expectedDays()
			if c.script == "position.sql" {
				want = byPosition
				slices.SortFunc(got, slices.Compare) // without ORDER BY, any order is right
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// expectedDays are the rows of day, impressions and clicks.
func expectedDays() [][]string {
	var all [][]string
	for i := range impressionsByDay {
		all = append(all, []string{fmt.Sprintf("2019-11-%d", 24+i), impressionsByDay[i], clicksByDay[i]})
	}
	return all
}

// TestOpenBanditServer posts the data set, with the server killed in the middle
// of it and every body sent again from somewhere before that.
func TestOpenBanditServer(t *testing.T) {
	needObd(t)
	const rowsPerBody = 500
	bodies := obdBodies(t, rowsPerBody)
	data := t.TempDir()
	c := start(t, data)
	c.define(`CREATE TABLE impressions (shown TIMESTAMP(3), ` + "`position`" + ` INT, click INT, WATERMARK FOR shown AS shown);
CREATE MATERIALIZED TABLE daily FRESHNESS = INTERVAL '1' SECOND AS
SELECT window_start, window_end, COUNT(*) AS impressions, SUM(click) AS clicks
FROM TABLE(TUMBLE(TABLE impressions, DESCRIPTOR(shown), INTERVAL '1' DAY)) GROUP BY window_start, window_end`)
	send := func(i int, wait string) error {
		_, _, err := c.try(200, "POST", "/api/v1/events/impressions"+wait, bodies[i], "Idempotency-Key", "body-"+strconv.Itoa(i))
		return err
	}
	middle := len(bodies) / 2
	for i := range middle {
		if err := send(i, ""); err != nil {
			t.Fatal(err)
		}
	}
	under := make(chan error)
	go func() { under <- send(middle, "") }()
	c.kill()
	<-under // acknowledged, refused or cut off: the retry makes it right
	c = start(t, data)
	for i := middle - 3; i < len(bodies); i++ {
		if err := send(i, "?wait=applied"); err != nil {
			t.Fatal(err)
		}
	}
	c.settles("SELECT `position`, COUNT(*) AS impressions, SUM(click) AS clicks FROM impressions GROUP BY `position` ORDER BY `position`", byPosition)
	c.settles("SELECT CAST(shown AS DATE) AS d, COUNT(*) AS impressions, SUM(click) AS clicks FROM impressions GROUP BY CAST(shown AS DATE) ORDER BY d", expectedDays())
	c.settles("SELECT CAST(window_start AS DATE) AS d, impressions, clicks FROM daily ORDER BY d", expectedDays())
	c.interrupt()
}

// obdBodies is the data set as bodies of NDJSON.
func obdBodies(t *testing.T, rowsPerBody int) []string {
	t.Helper()
	f, err := os.Open(filepath.Join(obd, "men.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range records[0] {
		column[name] = i
	}
	var bodies []string
	var body strings.Builder
	for i, r := range records[1:] {
		shown := strings.Replace(r[column["timestamp"]][:23], " ", "T", 1)
		fmt.Fprintf(&body, `{"shown":"%s","position":%s,"click":%s}`+"\n", shown, r[column["position"]], r[column["click"]])
		if (i+1)%rowsPerBody == 0 || i == len(records)-2 {
			bodies = append(bodies, body.String())
			body.Reset()
		}
	}
	return bodies
}
