package job

import (
	"context"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/engine/exchange"
	"tidemark/engine/state"
)

// edgeOutput sends a task's rows to the tasks of the next stage.
type edgeOutput struct {
	ctx       context.Context
	meter     *meter // of this task
	partition *exchange.Partition
	targets   []*exchange.Inbox
	sender    int // number of this task in the targets' inboxes
	last      engine.Watermark
	idle      bool
}

// rows sends each row to the task of its key. All parts use the lease of the rows: texts
// are not copied.
func (o *edgeOutput) rows(rows *batch.Batch) error {
	lease := rows.Lease
	defer lease.Return()
	for i, part := range o.partition.Cut(rows) {
		if part == nil || part.Rows == 0 {
			continue
		}
		share(part, lease)
		if err := o.put(o.targets[i], exchange.Message{Kind: exchange.Rows, Batch: part}); err != nil {
			return err
		}
	}
	return nil
}

func (o *edgeOutput) watermark(w engine.Watermark, idle bool) error {
	if w == o.last && idle == o.idle {
		return nil
	}
	o.last, o.idle = w, idle
	return o.toAll(exchange.Message{Kind: exchange.Watermark, Watermark: w, Idle: idle})
}

func (o *edgeOutput) barrier(epoch engine.Epoch, last bool) error {
	return o.toAll(exchange.Message{Kind: exchange.Barrier, Epoch: epoch, Last: last})
}

func (o *edgeOutput) toAll(m exchange.Message) error {
	for _, target := range o.targets {
		if err := o.put(target, m); err != nil {
			return err
		}
	}
	return nil
}

// put sends a message. Waiting for room is no work of the operator that sends.
func (o *edgeOutput) put(target *exchange.Inbox, m exchange.Message) error {
	if target.Offer(o.sender, m) {
		return nil
	}
	return o.meter.pause(func() error { return target.Put(o.ctx, o.sender, m) })
}

// tee sends a task's rows to the tasks of several stages.
type tee []*edgeOutput

// rows gives each stage a batch of its own over the same columns, which nobody
// changes.
func (t tee) rows(rows *batch.Batch) error {
	for _, c := range rows.Columns {
		// Those who share a column only read it: they find no room behind its heap
		// that they would have to give up.
		if cap(c.Heap) > len(c.Heap) {
			c.Heap = c.Heap[:len(c.Heap):len(c.Heap)]
		}
	}
	defer rows.Lease.Return()
	for _, o := range t {
		own := *rows
		share(&own, rows.Lease)
		if err := o.rows(&own); err != nil {
			return err
		}
	}
	return nil
}

func (t tee) watermark(w engine.Watermark, idle bool) error {
	for _, o := range t {
		if err := o.watermark(w, idle); err != nil {
			return err
		}
	}
	return nil
}

func (t tee) barrier(epoch engine.Epoch, last bool) error {
	for _, o := range t {
		if err := o.barrier(epoch, last); err != nil {
			return err
		}
	}
	return nil
}

// Numbers of the sinks of a job. Those from sinkCount on are of Spec.Expired.
const (
	mainSink = iota
	lateSink
	sinkCount
)

// sinkNumbers is how many numbers the sinks of the job have.
func (j *Job) sinkNumbers() int { return sinkCount + len(j.blueprint.expiring) }

// sinkOutput collects a task's rows until the barrier.
type sinkOutput struct {
	job  *Job
	task *task
	last engine.Watermark
}

func (o *sinkOutput) rows(rows *batch.Batch) error {
	o.task.collect(mainSink, rows)
	return nil
}

func (o *sinkOutput) watermark(w engine.Watermark, _ bool) error {
	o.last = w
	return nil
}

func (o *sinkOutput) barrier(engine.Epoch, bool) error { return nil }

// collect keeps rows for a sink until the barrier, and asks for one when many
// have come together.
func (t *task) collect(sink int, rows *batch.Batch) {
	if t.outputs == nil {
		t.outputs = make([]state.Output, t.job.sinkNumbers())
	}
	t.outputs[sink] = append(t.outputs[sink], rows)
	n := int64(rows.Live())
	t.rowsHeld += n
	if t.job.pending.Add(n) > t.job.outputRowsMax() {
		t.job.wantEpoch()
	}
}

// outputRowsMax is how many rows may wait for their epoch.
func (j *Job) outputRowsMax() int64 {
	if j.spec.Store == nil {
		return outputRowsStoreless
	}
	return outputRowsMax
}

// takeOutputs gives what was collected and how many rows that is.
func (t *task) takeOutputs() (outputs []state.Output, rows int64) {
	outputs, rows = t.outputs, t.rowsHeld
	t.outputs, t.rowsHeld = nil, 0
	return outputs, rows
}
