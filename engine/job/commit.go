package job

import (
	"context"
	"fmt"
	"time"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/engine"
	"tidemark/engine/operator"
	"tidemark/engine/state"
)

// sinkState is a sink with what it is known to have.
type sinkState struct {
	number    int
	sink      connect.Sink
	types     []value.Type
	committed engine.Epoch
}

// catchUp reads the newest epoch, and gives each sink the output that it does
// not have yet. The record is nil when nothing was committed before.
func (j *Job) catchUp(ctx context.Context) (*state.Record, error) {
	j.sinks = []*sinkState{{number: mainSink, sink: j.spec.Sink, types: typesOf(j.spec.Plan.Schema())}}
	if j.spec.Late != nil {
		j.sinks = append(j.sinks, &sinkState{number: lateSink, sink: j.spec.Late, types: j.blueprint.late})
	}
	for i, n := range j.blueprint.expiring {
		j.sinks = append(j.sinks, &sinkState{number: sinkCount + i, sink: j.spec.Expired[n], types: operator.GivenUpTypes(n)})
	}
	record, err := j.newest()
	if err != nil {
		return nil, err
	}
	for _, s := range j.sinks {
		if err := s.meet(ctx, record); err != nil {
			return nil, err
		}
	}
	if record == nil {
		return nil, nil
	}
	for _, s := range j.sinks {
		if s.committed > record.Epoch {
			return nil, problem.New(problem.Conflict, "the sink has epoch %d, but the state of job %s ends at %d", s.committed, j.spec.Name, record.Epoch).
				WithHint("the state was restored from an older copy: restore the sink to the same time, or start the job anew")
		}
		for epoch := max(s.committed, record.Epoch-min(record.Epoch, epochsInFlight)) + 1; epoch <= record.Epoch; epoch++ {
			output, err := j.spec.Store.Outbox(epoch, s.number, s.types)
			if err != nil {
				return nil, err
			}
			// An older epoch without output was trimmed, so the sink has it.
			if len(output) == 0 && epoch < record.Epoch {
				continue
			}
			commit := connect.Commit{Epoch: epoch, Watermark: record.Watermark, Batches: output}
			if epoch == record.Epoch {
				commit.Origin = record.Origin
			}
			if err := j.apply(ctx, s, commit); err != nil {
				return nil, err
			}
		}
	}
	j.status.setEpoch(record.Epoch, record.Watermark)
	return record, j.spec.Store.Trim(record.Epoch)
}

// newest is the record of the last epoch; nil when nothing was committed before.
func (j *Job) newest() (*state.Record, error) {
	if j.spec.Store == nil {
		return nil, nil
	}
	return j.spec.Store.Newest()
}

// meet asks the sink what it has, after it was told what the job has.
func (s *sinkState) meet(ctx context.Context, record *state.Record) (err error) {
	if resumer, ok := s.sink.(connect.Resumer); ok {
		if err := resumer.Resume(ctx, record.Standing(s.number)); err != nil {
			return err
		}
	}
	if s.committed, err = s.sink.Committed(ctx); err != nil {
		return fmt.Errorf("ask the sink for its epoch: %w", err)
	}
	return nil
}

// mark is what the sink has written down outside, zero for nothing.
func (s *sinkState) mark() (m connect.Mark) {
	if resumer, ok := s.sink.(connect.Resumer); ok {
		return resumer.Mark()
	}
	return m
}

// firstEpoch is the number of the next epoch: behind the record, and without
// one behind what the sinks have, so that they do not take new output for old.
func (j *Job) firstEpoch(record *state.Record) engine.Epoch {
	if record != nil {
		return record.Epoch + 1
	}
	var newest engine.Epoch
	for _, s := range j.sinks {
		newest = max(newest, s.committed)
	}
	return newest + 1
}

// apply gives a sink an epoch unless it has it.
func (j *Job) apply(ctx context.Context, s *sinkState, commit connect.Commit) error {
	if s.committed >= commit.Epoch {
		return nil
	}
	if err := s.sink.Apply(ctx, commit); err != nil {
		return fmt.Errorf("apply epoch %d to the sink: %w", commit.Epoch, err)
	}
	s.committed = commit.Epoch
	return nil
}

// commitAll stores and applies epochs in order until the last one.
func (j *Job) commitAll(ctx context.Context, commits <-chan *epochParts, committed chan<- *epochParts) error {
	for {
		select {
		case parts, ok := <-commits:
			if !ok {
				return nil
			}
			if err := j.commit(ctx, parts); err != nil {
				return err
			}
			committed <- parts // has room for all epochs in flight
			if parts.last {
				return nil
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// commit makes an epoch durable and then visible.
func (j *Job) commit(ctx context.Context, parts *epochParts) error {
	work := j.committer.start()
	j.sink.commits.begin(time.Now())
	err := j.store(ctx, parts)
	j.sink.commits.end(time.Now())
	_, processor := j.committer.stop(work)
	j.sink.cpu.Add(int64(processor))
	if err != nil {
		return err
	}
	j.measureSpilled()
	j.tellApplied(parts.record)
	j.status.setEpoch(parts.record.Epoch, parts.record.Watermark)
	j.status.epochTook(time.Since(parts.started))
	return nil
}

// store makes an epoch durable and gives it to the sinks.
func (j *Job) store(ctx context.Context, parts *epochParts) error {
	var changes []*state.Changes
	outputs := make([]state.Output, j.sinkNumbers())
	var rows, shown int64
	for _, r := range parts.reports {
		changes = append(changes, r.changes...)
		for sink, output := range r.outputs {
			outputs[sink] = append(outputs[sink], output...)
		}
		rows += r.rows
	}
	for _, b := range outputs[mainSink] {
		shown += int64(b.Live())
		j.sink.took(b)
	}
	if j.spec.Store != nil {
		for _, s := range j.sinks {
			if before := s.mark(); before != (connect.Mark{}) {
				parts.record.Sinks = append(parts.record.Sinks, state.Sink{Number: s.number, Before: before})
			}
		}
		if err := j.spec.Store.Commit(parts.record, changes, outputs); err != nil {
			return err
		}
	}
	for _, s := range j.sinks {
		commit := connect.Commit{Epoch: parts.record.Epoch, Origin: parts.record.Origin, Watermark: parts.record.Watermark, Batches: outputs[s.number]}
		if err := j.apply(ctx, s, commit); err != nil {
			return err
		}
	}
	if j.spec.Store != nil {
		if hasRows(outputs) {
			if err := j.spec.Store.Trim(parts.record.Epoch); err != nil {
				return err
			}
		}
		j.status.stateBytes.Store(j.spec.Store.Size())
	}
	for _, output := range outputs {
		for _, b := range output {
			b.Lease.Return()
		}
	}
	j.pending.Add(-rows)
	j.status.rowsOut.Add(shown)
	return nil
}

// tellApplied tells the readers that want to know how far the sinks are.
func (j *Job) tellApplied(record *state.Record) {
	for i, s := range j.sources {
		for k, split := range s.splits {
			if follower := split.follower.Load(); follower != nil && record.Sources[i].Splits[k].Offset != nil {
				(*follower).Applied(record.Sources[i].Splits[k].Offset)
			}
		}
	}
}

func hasRows(outputs []state.Output) bool {
	for _, o := range outputs {
		if len(o) > 0 {
			return true
		}
	}
	return false
}
