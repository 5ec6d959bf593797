package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/connect/format"
	"tidemark/connect/native"
	"tidemark/plan"
)

// expiredSink writes the rows that a lookup found nothing for to the table that
// its hint names, in the shape of connect.ExpiredColumns.
type expiredSink struct {
	connect.Sink
	join    *plan.LookupJoin
	columns []connect.Column // of the table
}

// expiredSinks opens the sinks of all lookup joins that have one. Whoever runs the
// plan closes them.
func expiredSinks(n plan.Node, open func(*plan.Table) (connect.Sink, error)) (opened expiring, err error) {
	opened = expiring{}
	plan.Inspect(n, func(n plan.Node) bool {
		join, ok := n.(*plan.LookupJoin)
		if !ok || err != nil || join.Expired == nil || opened[join] != nil {
			return err == nil // a shared join is met more than once
		}
		var sink connect.Sink
		if sink, err = open(join.Expired); err == nil {
			opened[join] = &expiredSink{Sink: sink, join: join, columns: columnsOf(join.Expired, join.Expired.Written())}
		}
		return err == nil
	})
	return opened, err
}

// expiring is the sinks of rows that lookups found nothing for.
type expiring map[*plan.LookupJoin]connect.Sink

func (e expiring) close() error {
	var failed error
	for _, one := range e {
		failed = errors.Join(failed, one.Close())
	}
	return failed
}

// expired opens the sink of a table that a kept job gives rows to. What it appends
// to an event log is known by the job's definition and the epoch, so that an epoch
// that comes again is not appended again.
func (k *keeper) expired(t *plan.Table) (connect.Sink, error) {
	r := request(t, t.Written())
	r.Zone, r.FS, r.Job = k.job.Zone, k.jobs.options.Files, k.job.Table.Name+"-"+k.fingerprint
	if t.Kind == plan.Native {
		topic, err := k.jobs.options.Log.Topic(t.Name)
		if err != nil {
			return nil, err
		}
		return native.NewLogSink(topic, r)
	}
	return externalSink(t, r)
}

// Apply writes the rows as the table has them.
func (s *expiredSink) Apply(ctx context.Context, c connect.Commit) error {
	return applyAs(ctx, s.Sink, c, s.reshape)
}

// reshape makes the table's columns of the join's input, and of the three columns
// behind it: see operator.GivenUpTypes.
func (s *expiredSink) reshape(b *batch.Batch) (*batch.Batch, error) {
	out := &batch.Batch{Rows: b.Live()}
	for _, c := range s.columns {
		out.Columns = append(out.Columns, batch.NewColumn(c.Type, out.Rows))
	}
	schema := s.join.Input.Schema()
	came, gone, lookups := b.Columns[len(schema)], b.Columns[len(schema)+1], b.Columns[len(schema)+2]
	var failed error
	b.Each(func(i int) {
		for k, c := range s.columns {
			to := out.Columns[k]
			switch c.Name {
			case "expired_at":
				to.AppendValue(gone.Value(i))
			case "came_at":
				to.AppendValue(came.Value(i))
			case "lookups":
				to.AppendValue(lookups.Value(i))
			case "looked_up":
				to.AppendValue(value.OfString(s.join.Table.Name))
			case "reason":
				to.AppendValue(value.OfString(reasonOf(s.join.Table.Name, came.Ints[i], gone.Ints[i], lookups.Ints[i])))
			case "row":
				text, err := appendRow(nil, schema, b, i)
				failed = errors.Join(failed, err)
				to.AppendValue(value.OfString(string(text)))
			}
		}
	})
	return out, failed
}

// reasonOf says in a sentence why a row was given up; times are in microseconds.
func reasonOf(table string, came, gone, lookups int64) string {
	waited := (time.Duration(gone-came) * time.Microsecond).Round(time.Millisecond)
	if waited == 0 {
		return fmt.Sprintf("nothing was found in %s", table)
	}
	return fmt.Sprintf("nothing was found in %s within %v", table, waited)
}

// appendRow writes the columns of a row as JSON.
func appendRow(to []byte, schema plan.Schema, b *batch.Batch, row int) ([]byte, error) {
	to = append(to, '{')
	var err error
	for c, column := range schema {
		if c > 0 {
			to = append(to, ',')
		}
		to = append(format.AppendJSONText(to, column.Name), ':')
		if to, err = format.AppendJSON(to, b.Columns[c], row, format.JSONStyle{ISO: true}); err != nil {
			return to, fmt.Errorf("write column %s of a row: %w", column.Name, err)
		}
	}
	return append(to, '}'), nil
}
