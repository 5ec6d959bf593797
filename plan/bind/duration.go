package bind

import (
	"time"

	"tidemark/connect"
)

// Duration reads a duration as options write it; see connect.Duration.
func Duration(text string) (time.Duration, bool) { return connect.Duration(text) }
