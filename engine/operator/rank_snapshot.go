package operator

import (
	"tidemark/base/batch"
	"tidemark/engine"
)

// Snapshot gives the first rows of every partition.
func (r *Rank) Snapshot(emit engine.Emit) error {
	out := r.changelog(emit)
	var shown []numberedRow
	for code := range uint32(r.rows.table.size()) {
		shown = r.first(shown[:0], code)
		for _, x := range shown {
			if err := out.add(batch.Insert, x); err != nil {
				return err
			}
		}
	}
	return out.out.flush()
}
