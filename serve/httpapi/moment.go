package httpapi

import (
	"time"

	"tidemark/base/batch"
)

// The instants that RFC 3339 can write, in ms.
var (
	firstMoment = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	lastMoment  = time.Date(9999, 12, 31, 23, 59, 59, int(999*time.Millisecond), time.UTC).UnixMilli()
)

// moment is an event time as the API shows it: nil, which is null, before any is
// known. batch.Final, the watermark of input that has ended, becomes the last
// instant of the year 9999: a time like any other to those who compare it.
func moment(ms int64) *time.Time {
	if ms == batch.NoMark {
		return nil
	}
	t := time.UnixMilli(min(max(ms, firstMoment), lastMoment)).UTC()
	return &t
}
