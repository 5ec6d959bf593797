package embedded

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect"
	"tidemark/engine/job"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/sql"
)

// JobCost is what one of a script's jobs has cost.
type JobCost struct {
	Plan         plan.Node // as it ran
	Took         time.Duration
	RowsIn       int64
	RowsOut      int64
	SpilledBytes int64              // in files of state that did not fit in memory, at most
	Operators    []job.OperatorCost // in the order of the plan, then by worker
}

// Costs is what the jobs of its statements have cost, in their order.
func (s *Session) Costs() []JobCost { return s.costs }

// charge notes what a job that has ended cost.
func (s *Session) charge(n plan.Node, j *job.Job) {
	status := j.Status()
	s.expired += status.ExpiredKeys
	s.costs = append(s.costs, JobCost{
		Plan: n, Took: time.Since(status.Started), RowsIn: status.RowsIn, RowsOut: status.RowsOut, SpilledBytes: status.SpilledBytes, Operators: j.Costs(),
	})
}

// analyze runs a statement that ends by itself, an INSERT with all its effects, and
// answers with its plan and what each operator cost.
func (s *Session) analyze(ctx context.Context, st *sql.Explain, results Results) error {
	before := len(s.costs)
	if err := s.runAnalyzed(ctx, st.Statement); err != nil {
		return placed(err, st.Statement)
	}
	var text strings.Builder
	for _, c := range s.costs[before:] {
		text.WriteString(c.String())
	}
	return table(results, []string{"result"}, [][]string{{strings.TrimRight(text.String(), "\n")}})
}

func (s *Session) runAnalyzed(ctx context.Context, statement sql.Statement) error {
	switch inner := statement.(type) {
	case *sql.QueryStatement:
		bound, err := bind.Query(s.catalog, s.binding(), inner.Query)
		if err != nil {
			return err
		}
		if err := s.checkEnds(bound.Plan); err != nil {
			return err
		}
		none := Results{Start: func(plan.Schema) error { return nil }, Rows: func(*batch.Batch) error { return nil }}
		return s.query(ctx, inner.Query, none)
	case *sql.Insert:
		inserted, _, err := bind.Insert(s.catalog, s.binding(), inner)
		if err != nil {
			return err
		}
		if err := s.checkEnds(inserted); err != nil {
			return err
		}
		return s.insert(ctx, inner)
	}
	return problem.New(problem.Unsupported, "this statement cannot be analyzed").WithHint("EXPLAIN ANALYZE a query or one INSERT")
}

// checkEnds refuses a plan that reads something without an end.
func (s *Session) checkEnds(n plan.Node) error {
	_, err := sources(n, func(scan *plan.Scan) (connect.Source, error) {
		source, err := s.source(scan)
		if err == nil && !source.Bounded() {
			err = problem.New(problem.Unsupported, "table %s has no end, so that the statement would never be analyzed", scan.Table.Name).
				WithHint("run it in batch mode, or give the table an end")
		}
		return source, err
	})
	return err
}

// String prints the plan with what its operators cost. Times of several workers are
// added up; the one with the most CPU time is named when it has more than its part.
func (c JobCost) String() string {
	byNode := map[plan.Node][]job.OperatorCost{}
	for _, o := range c.Operators {
		byNode[o.Node] = append(byNode[o.Node], o)
	}
	text := plan.PrintWith(c.Plan, func(n plan.Node) []string { return costNotes(byNode[n]) })
	for _, note := range costNotes(byNode[nil]) {
		text += "sink " + note + "\n"
	}
	text += fmt.Sprintf("took %s: %d rows read, %d rows written", rounded(c.Took), c.RowsIn, c.RowsOut)
	if c.SpilledBytes > 0 {
		text += fmt.Sprintf(", %s of state in files", bytesText(c.SpilledBytes))
	}
	return text + "\n"
}

// costNotes are the lines about what an operator cost on all its workers.
func costNotes(workers []job.OperatorCost) []string {
	if len(workers) == 0 {
		return nil
	}
	sum, most := workers[0], workers[0]
	for _, o := range workers[1:] {
		sum.RowsIn += o.RowsIn
		sum.RowsOut += o.RowsOut
		sum.BytesIn += o.BytesIn
		sum.BytesOut += o.BytesOut
		sum.CPU += o.CPU
		sum.InputWait += o.InputWait
		sum.OutputWait += o.OutputWait
		sum.StatePeak += o.StatePeak // all workers count it, or none
		if o.CPU > most.CPU {
			most = o
		}
	}
	rows := fmt.Sprintf("rows: %d in, %d out, %s in, %s out", sum.RowsIn, sum.RowsOut, bytesText(sum.BytesIn), bytesText(sum.BytesOut))
	if sum.Node == nil {
		rows = fmt.Sprintf("rows: %d in, %s in", sum.RowsIn, bytesText(sum.BytesIn))
	}
	times := "time: cpu " + rounded(sum.CPU)
	if n := time.Duration(len(workers)); most.CPU*n > sum.CPU*skewed/100 && most.CPU > skewLeast {
		times += fmt.Sprintf(" (worker %d %s)", most.Worker, rounded(most.CPU))
	}
	if sum.InputWait > 0 {
		times += ", waited for input " + rounded(sum.InputWait)
	}
	if sum.OutputWait > 0 {
		times += ", for room behind it " + rounded(sum.OutputWait)
	}
	notes := []string{rows, times}
	if sum.StatePeak >= 0 {
		notes = append(notes, "state: at most "+bytesText(sum.StatePeak))
	}
	return notes
}

const (
	// skewed is from which part of an even share on, in percent, a worker is named
	// that had more to do than the others.
	skewed = 150
	// skewLeast is the CPU time that is worth it.
	skewLeast = 10 * time.Millisecond
)

// rounded is a duration as exact as one reads it.
func rounded(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Microsecond).String()
}

// bytesText is a size as one reads it.
func bytesText(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
