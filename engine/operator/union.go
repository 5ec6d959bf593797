package operator

import (
	"tidemark/base/batch"
	"tidemark/engine"
)

// Union passes on the rows of all its inputs; each row keeps its own mark.
type Union struct{ stateless }

// Process passes rows on.
func (Union) Process(_ int, rows *batch.Batch, emit engine.Emit) error { return emit(rows) }
