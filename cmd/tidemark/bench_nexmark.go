package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"time"

	"tidemark/base/batch"
	"tidemark/base/vfs"
	"tidemark/examples/nexmark"
	"tidemark/plan"
	"tidemark/sql/parse"
	"tidemark/target/embedded"
)

// The load of nexmark.
const (
	nexmarkSeed        = 1
	nexmarkEvents      = 1_000_000
	nexmarkBlockEvents = 5_000
)

// nexmarkResult is what nexmark measured.
type nexmarkResult struct {
	Events      int64            `json:"events"`
	Parallelism int              `json:"parallelism"`
	Queries     []nexmarkMeasure `json:"queries"`
}

// nexmarkMeasure is one query's part.
type nexmarkMeasure struct {
	Query string `json:"query"`
	Title string `json:"title"`
	consumption
	EventsPerCPUSecond float64 `json:"events_per_cpu_second"`
	Rows               int64   `json:"rows"`
	Right              bool    `json:"right"`
	Fault              string  `json:"fault,omitempty"` // why there is no answer, or what is wrong with it
}

func (r *nexmarkResult) wrong() string {
	for _, q := range r.Queries {
		if !q.Right {
			return fmt.Sprintf("%s: %s", q.Query, q.Fault)
		}
	}
	return ""
}

func (r *nexmarkResult) print(w io.Writer) {
	fmt.Fprintf(w, "nexmark: %s events from a JSON file, %d workers\n", grouped(float64(r.Events)), r.Parallelism)
	fmt.Fprintf(w, "  %-10s %14s %9s %9s %12s  %s\n", "query", "events/CPU-s", "CPU s", "seconds", "rows", "answer")
	for _, q := range r.Queries {
		check := "right"
		if !q.Right {
			check = "WRONG: " + q.Fault
		}
		fmt.Fprintf(w, "  %-10s %14s %9.2f %9.2f %12s  %s\n", q.Query, grouped(q.EventsPerCPUSecond), q.CPUSeconds, q.Seconds, grouped(float64(q.Rows)), check)
	}
}

// nexmark runs one query or all over the same file.
func (o *benchOptions) nexmark(ctx context.Context) (r *nexmarkResult, err error) {
	queries := nexmark.Queries
	if o.query != "" {
		q, ok := nexmark.Named(o.query)
		if !ok {
			return nil, usagef("there is no Nexmark query %q here", o.query)
		}
		queries = []nexmark.Query{q}
	}
	b := &nexmarkBench{workload: nexmark.New(nexmarkSeed), events: o.events, parallelism: o.parallelism}
	if b.events == 0 {
		b.events = nexmarkEvents
	}
	dir, err := vfs.TemporaryDir("tidemark-nexmark-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, vfs.RemoveTree(vfs.OS(), dir)) }()
	if err := b.write(dir); err != nil {
		return nil, err
	}
	r = &nexmarkResult{Events: b.events, Parallelism: b.parallelism}
	for _, q := range queries {
		m, err := b.measure(ctx, q)
		if err != nil {
			return nil, err
		}
		r.Queries = append(r.Queries, *m)
	}
	return r, nil
}

// nexmarkBench is the workload in a file.
type nexmarkBench struct {
	workload    *nexmark.Workload
	events      int64
	parallelism int
	variables   map[string]string // of the scripts
}

func (b *nexmarkBench) write(dir string) error {
	b.variables = map[string]string{"IN": filepath.Join(dir, "events.json"), "SIDE": filepath.Join(dir, "side.csv")}
	side, err := vfs.OS().Create(b.variables["SIDE"])
	if err != nil {
		return err
	}
	_, err = side.Write(nexmark.AppendSideInput(nil))
	if err := errors.Join(err, side.Close()); err != nil {
		return err
	}
	f, err := vfs.OS().Create(b.variables["IN"])
	if err != nil {
		return err
	}
	var lines []byte
	for from := int64(0); from < b.events && err == nil; from += nexmarkBlockEvents {
		lines = b.workload.AppendEvents(lines[:0], from, min(from+nexmarkBlockEvents, b.events))
		_, err = f.Write(lines)
	}
	return errors.Join(err, f.Close())
}

// measure runs a query's script and compares its answer. A query that does not
// run is a result, too.
func (b *nexmarkBench) measure(ctx context.Context, q nexmark.Query) (*nexmarkMeasure, error) {
	m := &nexmarkMeasure{Query: q.Name, Title: q.Title()}
	var answer nexmarkAnswer
	used := startMeasuring()
	err := b.run(ctx, q, answer.add)
	used.stop(answer.took)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		m.Fault = err.Error()
		return m, nil
	}
	m.consumption, m.EventsPerCPUSecond = *used, float64(b.events)/used.CPUSeconds
	got, want := answer.sum, b.workload.Answer(q, b.events)
	m.Rows, m.Right = got.Rows, got == want
	switch {
	case got.Rows != want.Rows:
		m.Fault = fmt.Sprintf("%d rows, not %d", got.Rows, want.Rows)
	case !m.Right:
		m.Fault = fmt.Sprintf("%d rows, as there should be, but not the right ones", got.Rows)
	}
	return m, nil
}

// run gives the changelog of the query's script.
func (b *nexmarkBench) run(ctx context.Context, q nexmark.Query, rows func(*batch.Batch) error) (err error) {
	substituted, _ := parse.Substitute(q.Name, q.Script(), b.variables)
	statements, wrong := parse.Script(q.Name, substituted.Text)
	if err := wrong.Err(); err != nil {
		return err
	}
	data, err := vfs.TemporaryDir("tidemark-nexmark-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, vfs.RemoveTree(vfs.OS(), data)) }()
	session := embedded.NewSession(embedded.SessionOptions{Streaming: true, Parallelism: b.parallelism, Data: data, Files: vfs.OS()})
	defer func() { err = errors.Join(err, session.Close()) }()
	for _, s := range statements {
		err := session.Execute(ctx, s, embedded.Results{Start: func(plan.Schema) error { return nil }, Rows: rows})
		if err != nil {
			return err
		}
	}
	return nil
}

// nexmarkAnswer is the final rows of a changelog.
type nexmarkAnswer struct {
	sum  nexmark.Sum
	took time.Duration // CPU time to add them up, which is not what is measured

	line, cell []byte
}

// add takes changes in.
func (a *nexmarkAnswer) add(rows *batch.Batch) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := threadTime()
	rows.Each(func(i int) {
		a.line = a.line[:0]
		// Without a slice of values: its garbage would count for the query.
		for k, c := range rows.Columns {
			if k > 0 {
				a.line = append(a.line, ',')
			}
			if v := c.Value(i); !v.Null {
				a.cell = v.AppendText(a.cell[:0], nil)
				a.line = nexmark.AppendText(a.line, string(a.cell))
			}
		}
		n := int64(1)
		if rows.Kind(i).Retracts() {
			n = -1
		}
		a.sum.Add(a.line, n)
	})
	a.took += threadTime() - begin
	return nil
}
