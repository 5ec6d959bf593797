//go:build !linux

package job

import "time"

// threadTime is unknown here: what worked is taken to have had a processor.
func threadTime() (time.Duration, bool) { return 0, false }
