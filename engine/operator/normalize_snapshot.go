package operator

import (
	"tidemark/base/batch"
	"tidemark/engine"
)

// Snapshot gives the row of every key.
func (o *Normalize) Snapshot(emit engine.Emit) error {
	out := &changes{rows: newRowHeap(o.types, nil), emit: emit}
	for code := range uint32(o.keys.size()) {
		if err := out.add(batch.Insert, o.rows.get(code), batch.NoMark); err != nil {
			return err
		}
	}
	return out.flush()
}
