package operator

import (
	"unsafe"

	"tidemark/base/batch"
	"tidemark/engine"
)

// keyOf implements spillable.
func (k *KeepFirst) keyOf(in *batch.Batch) []*batch.Column { return columnsAt(in, k.partition) }

// held implements spillable.
func (k *KeepFirst) held() int64 {
	return k.table.held() + k.expiry.held() + k.rows.held() + 8*int64(cap(k.due)) + int64(cap(k.flags)) + 4*int64(cap(k.unsaved)) +
		int64(cap(k.queue))*int64(unsafe.Sizeof(dueEntry{}))
}

// has implements spillable.
func (k *KeepFirst) has(key []byte) bool {
	_, here := k.table.get(key)
	return here
}

// spill implements spillable: a partition in files is as it is saved.
func (k *KeepFirst) spill(put func(key, val []byte, due engine.Watermark) error) error {
	var val []byte
	return k.table.each(func(code uint32, key []byte) error {
		due := k.due[code]
		if due == shownForGood {
			due = batch.Final
		}
		val = k.appendState(val[:0], code)
		return put(key, val, due)
	})
}

// bring implements spillable.
func (k *KeepFirst) bring(key, val []byte) error {
	_, err := k.readState(key, val)
	return err
}

// forget implements spillable.
func (k *KeepFirst) forget() {
	k.table, k.rows = newTable(), rowStore{}
	k.due, k.flags, k.queue, k.unsaved = nil, nil, nil, nil
	k.expiry.reset()
}
