// Package memory runs the program with far more state than memory and looks how
// much memory the process takes. What operators account for is tested where they
// are (engine/operator); here it is the whole of it: garbage, batches under way,
// buffers of files.
package memory

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	budget = 48 << 20
	// rows is how many each side has, textBytes how long the text of each is: the
	// texts alone are ten times the budget.
	rows      = 500_000
	textBytes = 504
	// underWay is what batches and buffers between the workers may take, whatever
	// the budget is: a batch of such rows has 2 MB.
	underWay = 128 << 20
)

// script joins two files and adds up what comes of it.
const script = `
SET 'tidemark.state.memory' = '%d mb';
CREATE TABLE l (id BIGINT, v BIGINT, t STRING) WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'json');
CREATE TABLE r (id BIGINT, v BIGINT, t STRING) WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'json');
SELECT COUNT(*), SUM(v), SUM(lt), SUM(rt)
FROM (SELECT l.v + r.v AS v, CHAR_LENGTH(l.t) AS lt, CHAR_LENGTH(r.t) AS rt FROM l JOIN r ON l.id = r.id);
`

// TestJoinOfTenTimesItsMemory gives the right answer, and the process takes no more
// than the budget and a fifth beside what it takes with empty inputs and for
// batches under way.
func TestJoinOfTenTimesItsMemory(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skipf("the peak of a process's memory is not known here: %v", err)
	}
	if 2*rows*textBytes < 10*budget {
		t.Fatal("that is not ten times the memory")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "tidemark")
	if out, err := exec.Command("go", "build", "-o", binary, "tidemark/cmd/tidemark").CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	left, right, empty := filepath.Join(dir, "l.json"), filepath.Join(dir, "r.json"), filepath.Join(dir, "empty.json")
	writeRows(t, left, 7919)
	writeRows(t, right, 104_729)
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	_, least := execute(t, binary, empty, empty)
	answer, peak := execute(t, binary, left, right)
	want := fmt.Sprintf(`"%d","%d","%d","%d"]`, rows, rows*(rows-1), rows*textBytes, rows*textBytes)
	if !strings.HasSuffix(answer, want) {
		t.Errorf("the answer is %s, not %s", answer, want)
	}
	const most = budget*6/5 + underWay
	t.Logf("%d MB with empty inputs, %d MB more with state of %d MB and a budget of %d MB", least>>20, (peak-least)>>20, 2*rows*textBytes>>20, budget>>20)
	if peak-least > most {
		t.Errorf("%d MB more than with empty inputs, not %d MB", (peak-least)>>20, most>>20)
	}
}

// writeRows writes a row for each id; each file has them in an order of its own.
func writeRows(t *testing.T, name string, step int) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	text := strings.Repeat("a text of 36 bytes, again and again ", textBytes/36)
	for i := range rows {
		id := i * step % rows
		fmt.Fprintf(w, "{\"id\":%d,\"v\":%d,\"t\":\"%s\"}\n", id, id, text)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// execute runs the script and gives its last row, and the most memory that the
// process had, in bytes.
func execute(t *testing.T, binary, left, right string) (answer string, peak int64) {
	t.Helper()
	var out, wrong bytes.Buffer
	c := exec.CommandContext(t.Context(), binary, "exec", "-e", fmt.Sprintf(script, budget>>20, left, right), "--format", "rows", "--parallelism", "2")
	c.Stdout, c.Stderr = &out, &wrong
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- c.Wait() }()
	// The peak never falls, so that the last look is as good as all of them.
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v\n%s", err, wrong.String())
			}
			if peak == 0 {
				t.Fatal("the process was never looked at")
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			return lines[len(lines)-1], peak
		case <-look.C:
			peak = max(peak, peakOf(c.Process.Pid))
		}
	}
}

// peakOf is the most memory that a process has had, in bytes; 0 when it is gone.
func peakOf(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kilobytes int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); err == nil {
			return kilobytes << 10
		}
	}
	return 0
}
