package operator

import (
	"tidemark/base/batch"
	"tidemark/engine"
)

// keyOf implements spillable.
func (o *OverTable) keyOf(in *batch.Batch) []*batch.Column { return o.rows.keyOf(in) }

// held implements spillable.
func (o *OverTable) held() int64 {
	const touchedBytes = 16 // of a partition, in a map
	return o.rows.held() + o.results.held() + touchedBytes*int64(len(o.touched)) + 4*int64(cap(o.pending)+cap(o.gone))
}

// has implements spillable.
func (o *OverTable) has(key []byte) bool { return o.rows.has(key) }

// spill implements spillable: a partition in files is its rows.
func (o *OverTable) spill(put func(key, val []byte, due engine.Watermark) error) error {
	var val []byte
	return o.rows.table.each(func(code uint32, key []byte) error {
		val = o.rows.appendPartition(val[:0], code)
		return put(key, val, batch.Final)
	})
}

// bring implements spillable.
func (o *OverTable) bring(key, val []byte) error {
	code, err := o.rows.bringPartition(key, &spilledState{rest: val}, o.env.broughtFlags())
	if err != nil {
		return err
	}
	if !o.env.Context.Streaming {
		o.touch(code)
		return nil
	}
	return o.restoreShown([]uint32{code})
}

// forget implements spillable.
func (o *OverTable) forget() {
	o.rows.forget()
	o.touched, o.pending, o.results, o.gone = map[uint32]bool{}, nil, rowStore{}, nil
}
