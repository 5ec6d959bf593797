package bind

import "time"

// Duration reads a duration as options write it: '5 s', '7 d', '100 ms'.
func Duration(text string) (time.Duration, bool) { return parseDuration(text) }
