package operator

import (
	"tidemark/base/batch"
	"tidemark/engine"
)

// Snapshot gives the row of every group. Load has found out what was shown of it.
func (a *Aggregate) Snapshot(emit engine.Emit) error {
	out := newChangelog(a.layout, a.node.Groupings, a.now, nil)
	for code := range uint32(a.groups.table.size()) {
		out.add(batch.Insert, a.groups.table.key(code), a.shown.get(code))
		if !out.rows.isFull() {
			continue
		}
		if err := out.emit(emit); err != nil {
			return err
		}
	}
	return out.emit(emit)
}
