package operator

import (
	"tidemark/base/batch"
)

// renew begins the partitions of a batch anew that are over.
func (o *OverStream) renew(codes []uint32) {
	if o.expiry == nil {
		return
	}
	o.expiry.tick()
	for _, code := range codes {
		key := o.rows.table.key(code)
		if o.expiry.isOver(code) && !o.waits(code) {
			o.expiry.expired(key)
			o.empty(code)
		}
		if o.rows.runs.size(code) == 0 && o.partitions[code].gone == 0 {
			o.expiry.ask(key)
		}
	}
}

// waits reports whether a partition has rows that have not had their turn.
func (o *OverStream) waits(code uint32) bool { return o.partitions[code].next != batch.Final }

// empty forgets what a partition has seen.
func (o *OverStream) empty(code uint32) {
	for _, row := range o.rows.runs.list(code) {
		o.rows.remove(row)
	}
	for i := range o.calls.calls {
		if a := o.calls.calls[i].accumulator; a != nil {
			a.Resize(o.rows.table.size())
			a.Clear(code)
		}
	}
	o.partitions[code] = newOverPartition()
	o.frames[code] = frameState{ends: make([]frameReach, len(o.calls.calls))}
	o.expiry.forget(code)
}

// expire forgets the partitions that are over. One whose rows wait for their turn
// lives on.
func (o *OverStream) expire() {
	o.expiry.sweep(func(code uint32) {
		if o.waits(code) {
			o.expiry.write(code)
			return
		}
		key := o.rows.table.key(code)
		o.expiry.expired(key)
		if o.env.Saves {
			o.deleted = append(o.deleted, append([]byte{storedPartition}, key...))
		}
		o.empty(code)
		o.rows.drop(code)
	})
}
