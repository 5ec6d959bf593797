package operator

import (
	"tidemark/base/batch"
	"tidemark/engine"
)

// keyOf implements spillable.
func (o *Normalize) keyOf(in *batch.Batch) []*batch.Column { return columnsAt(in, o.columns) }

// columnsAt are some of a batch's columns.
func columnsAt(in *batch.Batch, at []int) []*batch.Column {
	columns := make([]*batch.Column, len(at))
	for i, c := range at {
		columns[i] = in.Columns[c]
	}
	return columns
}

// held implements spillable.
func (o *Normalize) held() int64 {
	return o.keys.held() + o.expiry.held() + o.rows.held() + int64(cap(o.flags)) + 4*int64(cap(o.unsaved))
}

// has implements spillable.
func (o *Normalize) has(key []byte) bool {
	_, here := o.keys.get(key)
	return here
}

// spill implements spillable: a key in files is as it is saved.
func (o *Normalize) spill(put func(key, val []byte, due engine.Watermark) error) error {
	var val []byte
	return o.keys.each(func(code uint32, key []byte) error {
		val = append(o.expiry.append(val[:0], code), o.rows.get(code)...)
		return put(key, val, batch.Final)
	})
}

// bring implements spillable.
func (o *Normalize) bring(key, val []byte) error {
	flags := known
	if o.env.Saves {
		flags |= saved
	}
	return o.add(key, val, flags)
}

// forget implements spillable.
func (o *Normalize) forget() {
	o.keys, o.rows = newTable(), rowStore{}
	o.flags, o.unsaved = nil, nil
	o.expiry.reset()
}
