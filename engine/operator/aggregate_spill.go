package operator

import (
	"tidemark/base/batch"
	"tidemark/engine"
)

// A group in files is the length of the row that was shown last, 0 for none, that
// row, and the group as it is saved.

// keyOf implements spillable.
func (a *Aggregate) keyOf(in *batch.Batch) []*batch.Column { return in.Columns[:len(a.layout.Keys)] }

// held implements spillable.
func (a *Aggregate) held() int64 {
	return a.groups.held() + a.shown.held() + a.expiry.held() + 4*int64(cap(a.pending)+cap(a.unsaved))
}

// has implements spillable.
func (a *Aggregate) has(key []byte) bool {
	_, here := a.groups.table.get(key)
	return here
}

// spill implements spillable.
func (a *Aggregate) spill(put func(key, val []byte, due engine.Watermark) error) error {
	var val []byte
	return a.groups.table.each(func(code uint32, key []byte) error {
		val = appendSized(val[:0], a.shown.get(code))
		val = a.groups.appendState(a.expiry.append(val, code), code)
		return put(key, val, batch.Final)
	})
}

// bring implements spillable.
func (a *Aggregate) bring(key, val []byte) error {
	rest := spilledState{rest: val}
	shown := rest.sized()
	if rest.short {
		return errSpilledState
	}
	written, state, err := a.expiry.cut(rest.rest)
	if err != nil {
		return err
	}
	if code, here := a.groups.table.get(key); here {
		return a.groups.mergeState(code, state)
	}
	code := a.groups.table.put(key)
	a.groups.resize()
	a.expiry.restore(code, written)
	if len(shown) > 0 {
		a.shown.put(code, shown)
	}
	if a.env.Saves {
		a.groups.flags[code] |= saved
	}
	if !a.env.Context.Streaming {
		a.stir(code)
	}
	return a.groups.readState(code, state)
}

// merges implements merging: what is taken back of a group may be in another part.
func (a *Aggregate) merges() bool { return !a.env.Retracts }

// forget implements spillable.
func (a *Aggregate) forget() {
	a.groups, a.shown = newGroups(a.env, a.layout), rowStore{}
	a.pending, a.unsaved = nil, nil
	a.expiry.reset()
}
