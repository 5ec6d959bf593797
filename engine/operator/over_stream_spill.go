package operator

import (
	"encoding/binary"
	"unsafe"

	"tidemark/base/batch"
	"tidemark/engine"
)

// A partition in files is the length of what is saved of it beside its rows, that,
// and then of each row when it is due, its time, and itself.

// keyOf implements spillable.
func (o *OverStream) keyOf(in *batch.Batch) []*batch.Column { return o.rows.keyOf(in) }

// held implements spillable.
func (o *OverStream) held() int64 {
	frameBytes := int64(unsafe.Sizeof(frameState{})) + int64(len(o.calls.calls))*int64(unsafe.Sizeof(frameReach{}))
	n := o.rows.held() + o.expiry.held() + 8*int64(cap(o.times)+cap(o.due)) + int64(cap(o.partitions))*int64(unsafe.Sizeof(overPartition{})) +
		frameBytes*int64(cap(o.frames)) + int64(cap(o.queue))*int64(unsafe.Sizeof(dueEntry{})) + 4*int64(cap(o.unsaved))
	for i := range o.calls.calls {
		if a := o.calls.calls[i].accumulator; a != nil {
			n += a.Held()
		}
	}
	return n
}

// has implements spillable.
func (o *OverStream) has(key []byte) bool { return o.rows.has(key) }

// spill implements spillable.
func (o *OverStream) spill(put func(key, val []byte, due engine.Watermark) error) error {
	o.resize()
	for i := range o.calls.calls {
		if a := o.calls.calls[i].accumulator; a != nil {
			a.Resize(o.rows.table.size())
		}
	}
	var val, partition []byte
	return o.rows.table.each(func(code uint32, key []byte) error {
		partition = o.appendPartition(partition[:0], code)
		val = appendSized(val[:0], partition)
		o.rows.runs.each(code, func(row uint32) bool {
			val = binary.AppendVarint(binary.AppendVarint(val, o.due[row]), o.times[row])
			val = o.rows.appendRow(val, row)
			return true
		})
		return put(key, val, o.partitions[code].next)
	})
}

// bring implements spillable.
func (o *OverStream) bring(key, val []byte) error {
	rest := &spilledState{rest: val}
	if err := o.loadPartition(key, rest.sized()); err != nil {
		return err
	}
	code := o.rows.partitionOf(key)
	for len(rest.rest) > 0 {
		due, t := rest.number(), rest.number()
		row, err := o.rows.bringRow(code, rest, o.env.broughtFlags())
		if err != nil {
			return err
		}
		o.setTimes(row, t, due)
	}
	if rest.short {
		return errSpilledState
	}
	return o.restore(code)
}

// forget implements spillable.
func (o *OverStream) forget() {
	o.rows.forget()
	o.times, o.due, o.partitions, o.frames, o.queue, o.unsaved = nil, nil, nil, nil, nil, nil
	o.expiry.reset()
	for i := range o.calls.calls {
		if f := &o.calls.calls[i]; f.accumulator != nil {
			f.accumulator = f.newAccumulator(o.calls.context)
		}
	}
}
