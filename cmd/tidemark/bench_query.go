package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"time"

	"tidemark/base/batch"
	"tidemark/base/vfs"
	"tidemark/catalog"
	"tidemark/connect"
	"tidemark/connect/format"
	"tidemark/engine/job"
	"tidemark/plan"
	"tidemark/plan/bind"
	rules "tidemark/plan/rewrite" // the tests of this package have a flag rewrite
	"tidemark/sql"
	"tidemark/sql/parse"
)

// plannedQuery is the plan of the last statement of a script, by way of its text.
// What comes before it defines what it reads.
func plannedQuery(ctx context.Context, script string) (plan.Node, error) {
	statements, wrong := parse.Script("", script)
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	tables := catalog.New(nil)
	session := bind.Session{Zone: time.UTC, Streaming: true, Now: time.Now(), Expand: true, Config: map[string]string{}}
	last := len(statements) - 1
	for _, s := range statements[:last] {
		if _, err := tables.Apply(ctx, session, s); err != nil {
			return nil, err
		}
	}
	bound, err := bind.Query(tables, session, statements[last].(*sql.QueryStatement).Query)
	if err != nil {
		return nil, err
	}
	optimized, _ := rules.Optimize(bound.Plan)
	return optimized, nil
}

// runQuery runs a plan over the sources that are given for its tables to their end,
// and tells what its operators cost.
func runQuery(ctx context.Context, n plan.Node, parallelism int, source func(connect.Request) (connect.Source, error), sink connect.Sink) ([]job.OperatorCost, error) {
	from := map[*plan.Scan]connect.Source{}
	var failed error
	plan.Inspect(n, func(n plan.Node) bool {
		if scan, ok := n.(*plan.Scan); ok {
			r := connect.Request{Table: scan.Table.Name, Zone: time.UTC, FS: vfs.OS(), Bounded: true}
			for _, p := range scan.Columns {
				r.Columns = append(r.Columns, connect.Column{Name: scan.Table.Columns[p].Name, Type: scan.Table.Columns[p].Type})
			}
			from[scan], failed = source(r)
		}
		return failed == nil
	})
	if failed != nil {
		return nil, failed
	}
	now := time.Now()
	// The splits are read side by side: each is in the order of event time, so
	// that no row is late whatever the timing.
	j, err := job.New(job.Spec{
		Name: "bench", Plan: n, Sources: from, Sink: sink, Parallelism: parallelism, AnyOrder: true,
		Context: plan.Context{Zone: time.UTC, Now: now, Start: now, Streaming: true},
	})
	if err != nil {
		return nil, err
	}
	err = j.Run(ctx)
	return j.Costs(), err
}

// madeSource makes JSON events in memory, block by block, and decodes them as the
// filesystem connector would.
type madeSource struct {
	request    connect.Request
	partitions int
	// blocks gives, for a partition, what makes its blocks one after the other: it
	// appends to block, which is empty, and reports false when there are no more.
	blocks    func(ctx context.Context, partition int) func(block []byte) ([]byte, bool)
	making    atomic.Int64 // CPU time that it took to make the events, ns
	selection connect.Selection
}

// Select takes all conditions that the decoder can look at, as the connector does.
func (s *madeSource) Select(offered connect.Selection) (taken []bool) {
	taken = make([]bool, len(offered.Conditions))
	for i, c := range offered.Conditions {
		if taken[i] = format.CanSelect(c, s.request.Columns[c.Column].Type); taken[i] {
			s.selection.Conditions = append(s.selection.Conditions, c)
		}
	}
	s.selection.Whole = offered.Whole
	return taken
}

// Splits are the partitions.
func (s *madeSource) Splits(context.Context) ([]connect.SplitID, error) {
	var all []connect.SplitID
	for p := range s.partitions {
		all = append(all, connect.SplitID(fmt.Sprint(p)))
	}
	return all, nil
}

// Bounded is true: there is a last event.
func (s *madeSource) Bounded() bool { return true }

// Open starts at the beginning: nothing outlives a benchmark.
func (s *madeSource) Open(ctx context.Context, split connect.SplitID, _ connect.Offset) (connect.Reader, error) {
	var partition int
	if _, err := fmt.Sscan(string(split), &partition); err != nil {
		return nil, fmt.Errorf("open split %s: %w", split, err)
	}
	r := &madeReader{source: s, next: s.blocks(ctx, partition)}
	var columns []format.Column
	for _, c := range s.request.Columns {
		columns = append(columns, format.Column{Name: c.Name, Type: c.Type})
	}
	r.decoder = format.NewJSONDecoder(columns, format.JSONOptions{})
	r.decoder.CopyTexts() // the block is filled again
	r.decoder.CutLines()
	r.decoder.Select(s.selection)
	return r, nil
}

// madeReader reads one split.
type madeReader struct {
	source  *madeSource
	next    func(block []byte) ([]byte, bool)
	decoder *format.JSONDecoder
	lender  format.Lender
	block   []byte
	rows    int64
}

// Read makes the next block and decodes it.
func (r *madeReader) Read(ctx context.Context) (*batch.Batch, error) {
	more := r.make()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !more {
		return nil, io.EOF
	}
	r.lender.Reuse(r.decoder)
	l := r.decoder.DecodeLines(r.block, true)
	if len(l.Rejected) > 0 {
		return nil, l.Rejected[0].Problem
	}
	r.rows += int64(l.Rows.Rows)
	return r.lender.Lend(l.Rows), nil
}

// make makes events and notes the CPU time of that.
func (r *madeReader) make() (more bool) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := threadTime()
	r.block, more = r.next(r.block[:0])
	r.source.making.Add(int64(threadTime() - begin))
	return more
}

// Offset is the number of rows read.
func (r *madeReader) Offset() connect.Offset {
	return binary.AppendUvarint(nil, uint64(r.rows))
}

// Watermark is unknown here: the table's WATERMARK clause decides.
func (r *madeReader) Watermark() int64 { return batch.NoMark }

// Close does nothing.
func (r *madeReader) Close() error { return nil }
