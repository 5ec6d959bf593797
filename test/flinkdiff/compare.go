package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Limits of one run.
const (
	runMax    = 2 * time.Minute // of one script on one engine
	shrinkMax = 24              // runs on Flink that are spent on making a case smaller
)

// differ runs cases and keeps what comes of them.
type differ struct {
	program string
	options
	tally tally
}

// all runs the cases, a few at a time.
func (d *differ) all(ctx context.Context) {
	var workers sync.WaitGroup
	numbers := make(chan int)
	for range d.jobs {
		workers.Go(func() {
			for n := range numbers {
				d.one(ctx, n)
			}
		})
	}
	defer workers.Wait()
	defer close(numbers)
	first, last := 0, d.cases
	if d.only >= 0 {
		first, last = d.only, d.only+1
	}
	for n := first; n < last && ctx.Err() == nil; n++ {
		numbers <- n
	}
}

// one runs a case in its modes.
func (d *differ) one(ctx context.Context, n int) {
	s := generate(d.seed, n)
	if d.kind != "" && s.kind != d.kind {
		return
	}
	if d.only >= 0 {
		fmt.Println(s.script())
	}
	for _, mode := range s.modes {
		outcome := d.compare(ctx, s, mode)
		if ctx.Err() != nil {
			return
		}
		d.tally.count(s, outcome)
		if outcome.verdict != differs {
			continue
		}
		small, outcome := d.shrink(ctx, s, mode, outcome)
		folder, err := keep(d.found, d.seed, small, mode, outcome)
		if err != nil {
			folder = err.Error()
		}
		fmt.Printf("case %d [%s, %s] differs: %s\n%s\n\n", n, s.kind, mode, folder, outcome.detail)
	}
}

// verdict is what comes of a case in one mode.
type verdict int

const (
	equal     verdict = iota
	differs           // the rows, the columns, or only ours fails
	notOurs           // refused here by name: not built
	notTheirs         // refused or failed on Flink, answered here
	neither           // no engine answers
	faulty            // Flink is known to be wrong
	lost              // Flink could not be asked
)

// outcome is a verdict with its reason.
type outcome struct {
	verdict verdict
	reason  string // to count by
	detail  string // of a difference, for people
	flink   answer
}

// answer is what an engine says to a script.
type answer struct {
	columns [][2]string
	rows    map[string]int // by their text: how often
	code    string         // of a problem; "" when there are rows
	problem string
}

// compare runs a case on both engines.
func (d *differ) compare(ctx context.Context, s *statement, mode string) outcome {
	if reason := known(s, mode, nil); reason != "" {
		return outcome{verdict: faulty, reason: reason}
	}
	folder, err := os.MkdirTemp("", "flinkdiff-case-")
	if err != nil {
		return outcome{verdict: lost, reason: err.Error()}
	}
	defer os.RemoveAll(folder)
	if err := write(folder, s); err != nil {
		return outcome{verdict: lost, reason: err.Error()}
	}
	ours := d.run(ctx, folder, mode)
	if ours.code == "unsupported" {
		return outcome{verdict: notOurs, reason: ours.problem}
	}
	theirs := d.run(ctx, folder, mode, "--target", "flink", "--gateway", d.gateway)
	o := judge(ours, theirs)
	if o.verdict == differs {
		if reason := known(s, mode, &[2]answer{ours, theirs}); reason != "" {
			return outcome{verdict: faulty, reason: reason}
		}
	}
	if o.verdict == equal {
		for _, way := range otherWays {
			if o = judge(d.run(ctx, folder, mode, way...), theirs); o.verdict != equal {
				o.detail = fmt.Sprintf("with %s: %s", strings.Join(way, " "), o.detail)
				break
			}
		}
	}
	return o
}

// otherWays are other ways to run a script embedded, which must not change its
// final rows. They are tried when the plain way's are right.
var otherWays = [][]string{{"--parallelism", "2", "--batch-rows", "3"}, {"--batch-rows", "1"}}

// judge compares two answers.
func judge(ours, theirs answer) outcome {
	switch {
	case theirs.code == "too_busy" || theirs.code == "timeout" || theirs.code == "canceled":
		return outcome{verdict: lost, reason: theirs.problem}
	case theirs.code != "" && ours.code != "":
		return outcome{verdict: neither, reason: theirs.problem}
	case theirs.code != "":
		return outcome{verdict: notTheirs, reason: theirs.problem}
	case ours.code != "":
		return outcome{verdict: differs, detail: "only Flink answers; here: " + ours.problem + " [" + ours.code + "]", flink: theirs}
	}
	if detail := difference(ours, theirs); detail != "" {
		return outcome{verdict: differs, detail: detail, flink: theirs}
	}
	return outcome{verdict: equal}
}

// difference says how two answers differ, "" when they do not.
func difference(ours, theirs answer) string {
	if !slices.Equal(ours.columns, theirs.columns) {
		return fmt.Sprintf("columns are %v, on Flink %v", ours.columns, theirs.columns)
	}
	var lines []string
	for _, row := range slices.Sorted(maps.Keys(theirs.rows)) {
		if n := theirs.rows[row] - ours.rows[row]; n > 0 {
			lines = append(lines, fmt.Sprintf("  only on Flink %d times: %s", n, row))
		}
	}
	for _, row := range slices.Sorted(maps.Keys(ours.rows)) {
		if n := ours.rows[row] - theirs.rows[row]; n > 0 {
			lines = append(lines, fmt.Sprintf("  only here %d times: %s", n, row))
		}
	}
	if len(lines) > 12 {
		lines = append(lines[:12], fmt.Sprintf("  … and %d more", len(lines)-12))
	}
	return strings.Join(lines, "\n")
}

// write puts a case into a folder, in the form of test/conformance.
func write(folder string, s *statement) error {
	for _, t := range s.tables {
		if err := os.WriteFile(filepath.Join(folder, t.file), []byte(t.content()), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(folder, caseFile), []byte(s.script()), 0o644)
}

const caseFile = "case.sql"

// run gives an engine's answer to the case in a folder.
func (d *differ) run(ctx context.Context, folder, mode string, more ...string) answer {
	limited, cancel := context.WithTimeout(ctx, runMax)
	defer cancel()
	args := append([]string{"exec", "-f", filepath.Join(folder, caseFile), "--var", "DIR=" + folder, "--mode", mode, "--format", "rows"}, more...)
	command := exec.CommandContext(limited, d.program, args...)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) } // so that it stops its job
	command.WaitDelay = 20 * time.Second
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	err := command.Run()
	var failed *exec.ExitError
	switch {
	case limited.Err() != nil:
		return answer{code: "timeout", problem: fmt.Sprintf("no end within %v", runMax)}
	case errors.As(err, &failed):
		return failure(said.String())
	case err != nil:
		return answer{code: "internal", problem: err.Error()}
	}
	return read(out.Bytes())
}

// problemLine is a problem as exec prints it: place, sentence and code.
var problemLine = regexp.MustCompile(`(?m)^(?:[^\s:]+:)?(?:\d+:\d+: )?(.*) \[([a-z_]+)\]$`)

func failure(said string) answer {
	if m := problemLine.FindStringSubmatch(said); m != nil {
		return answer{code: m[2], problem: m[1]}
	}
	return answer{code: "internal", problem: strings.TrimSpace(said)}
}

// read makes the final rows from a changelog.
func read(out []byte) answer {
	a := answer{rows: map[string]int{}}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	var head struct {
		Columns [][2]string `json:"columns"`
	}
	if err := json.Unmarshal(lines[0], &head); err != nil {
		return answer{code: "internal", problem: "unreadable answer: " + err.Error()}
	}
	for _, c := range head.Columns {
		a.columns = append(a.columns, [2]string{c[0], strings.ReplaceAll(c[1], " NOT NULL", "")})
	}
	for _, line := range lines[1:] {
		var cells []*string
		if err := json.Unmarshal(line, &cells); err != nil || len(cells) == 0 || cells[0] == nil {
			return answer{code: "internal", problem: "unreadable answer: " + string(line)}
		}
		row, err := json.Marshal(cells[1:])
		if err != nil {
			return answer{code: "internal", problem: err.Error()}
		}
		switch *cells[0] {
		case "+I", "+U":
			a.rows[string(row)]++
		default:
			a.rows[string(row)]--
		}
	}
	for row, n := range a.rows {
		switch {
		case n < 0:
			return answer{code: "internal", problem: "takes back a row that was never there: " + row}
		case n == 0:
			delete(a.rows, row)
		}
	}
	return a
}

// shrink leaves out rows of the case's files while the answers still differ.
func (d *differ) shrink(ctx context.Context, s *statement, mode string, found outcome) (*statement, outcome) {
	runs := 0
	for i := range s.tables {
		for size := (len(s.tables[i].lines) + 1) / 2; size > 0; size /= 2 {
			for at := 0; at < len(s.tables[i].lines) && runs < shrinkMax; {
				smaller := without(s, i, at, size)
				runs++
				if o := d.compare(ctx, smaller, mode); o.verdict == differs {
					s, found = smaller, o
					continue
				}
				at += size
			}
		}
	}
	return s, found
}

// without is the statement with some lines of one of its tables left out.
func without(s *statement, table, at, count int) *statement {
	smaller := *s
	smaller.tables = slices.Clone(s.tables)
	t := *s.tables[table]
	t.lines = slices.Delete(slices.Clone(t.lines), at, min(at+count, len(t.lines)))
	smaller.tables[table] = &t
	return &smaller
}

// keep writes a case that differs, with Flink's answer, in the form of
// test/conformance, and gives its folder.
func keep(found string, seed uint64, s *statement, mode string, o outcome) (string, error) {
	folder := filepath.Join(found, strings.ReplaceAll(s.kind, " ", "-"), fmt.Sprintf("%d-%d-%s", seed, s.number, mode))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	rows := [][]*string{}
	for _, row := range slices.Sorted(maps.Keys(o.flink.rows)) {
		var cells []*string
		if err := json.Unmarshal([]byte(row), &cells); err != nil {
			return "", err
		}
		for range o.flink.rows[row] {
			rows = append(rows, cells)
		}
	}
	expected, err := json.MarshalIndent(map[string]any{
		"columns": o.flink.columns, "features": []string{s.kind}, "modes": map[string]any{mode: map[string]any{"rows": rows}},
	}, "", " ")
	if err != nil {
		return "", err
	}
	return folder, errors.Join(write(folder, s), os.WriteFile(filepath.Join(folder, "expected.json"), append(expected, '\n'), 0o644))
}
