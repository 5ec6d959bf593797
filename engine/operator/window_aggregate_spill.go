package operator

import (
	"encoding/binary"

	"tidemark/base/batch"
	"tidemark/engine"
)

// A key in files is its groups: of each the end of its slice, the end of the first
// window that it counts in, and its stored form with the length before.

// keyOf implements spillable.
func (a *WindowAggregate) keyOf(in *batch.Batch) []*batch.Column {
	return in.Columns[:len(a.layout.Keys)]
}

// held implements spillable.
func (a *WindowAggregate) held() int64 {
	const codeBytes = 2 * 4 // in the list of its pane
	n := a.groups.held() + codeBytes*int64(a.groups.table.live()) + 4*int64(cap(a.unsaved))
	if a.inside != nil {
		n += a.inside.held()
	}
	return n
}

// has implements spillable.
func (a *WindowAggregate) has(key []byte) bool {
	if a.inside == nil {
		return false
	}
	_, here := a.inside.get(key)
	return here
}

// spill implements spillable.
func (a *WindowAggregate) spill(put func(key, val []byte, due engine.Watermark) error) error {
	type link struct {
		code uint32
		next int32 // the next group of the key; -1 for the last one
	}
	keys := newTable()
	var firsts []int32 // of each key
	links := make([]link, 0, a.groups.table.live())
	for _, p := range a.panes.byID {
		if p == nil {
			continue
		}
		for _, code := range p.codes {
			key := keys.put(a.userKey(code))
			if int(key) == len(firsts) {
				firsts = append(firsts, -1)
			}
			links = append(links, link{code, firsts[key]})
			firsts[key] = int32(len(links) - 1)
		}
	}
	var val, state []byte
	return keys.each(func(key uint32, name []byte) error {
		val = val[:0]
		due := batch.Final
		for at := firsts[key]; at >= 0; at = links[at].next {
			code := links[at].code
			owner := a.panes.byID[binary.LittleEndian.Uint32(a.groups.table.key(code))]
			due = min(due, a.dueOf(owner))
			val = binary.AppendVarint(binary.AppendVarint(val, owner.slice), owner.from)
			state = a.groups.appendState(state[:0], code)
			val = appendSized(val, state)
		}
		return put(name, val, due)
	})
}

// dueOf is when the first window of a pane fires that has not yet.
func (a *WindowAggregate) dueOf(p *pane) engine.Watermark {
	for end := p.from; end < p.last; end += a.windows.step() {
		if fires := a.windows.fires(end); fires > a.fired {
			return fires
		}
	}
	return a.windows.fires(p.last)
}

// bring implements spillable.
func (a *WindowAggregate) bring(key, val []byte) error {
	flags := groupFlags(0)
	if a.env.Saves {
		flags = saved
	}
	rest := spilledState{rest: val}
	for len(rest.rest) > 0 {
		slice, from := rest.number(), rest.number()
		if err := a.addGroup(slice, from, key, rest.sized(), flags); err != nil {
			return err
		}
	}
	if rest.short {
		return errSpilledState
	}
	a.inside.put(key)
	return nil
}

// forget implements spillable.
func (a *WindowAggregate) forget() {
	a.panes, a.groups = newPanes(a.windows, a.node.Late), newGroups(a.env, a.layout)
	a.pending, a.isQueued, a.purges = nil, map[int64]bool{}, batch.Final
	a.unsaved, a.inside = nil, newTable()
}
