package operator

import (
	"time"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// assigner does the arithmetic of windows. Times are milliseconds on the clock
// of the time column: of the wall for TIMESTAMP, and for TIMESTAMP_LTZ of the
// wall in the session's zone. Windows are named by their exclusive end, and made
// of slices, named by theirs: a row is added to the one slice it falls in.
type assigner struct {
	spec  plan.WindowSpec
	width int64          // of slices; divides all windows
	zone  *time.Location // nil when the clock is that of the watermark
}

func newAssigner(spec plan.WindowSpec, timeColumn plan.OutputColumn, env Environment) (*assigner, error) {
	a := &assigner{spec: spec}
	switch spec.Kind {
	case plan.Tumble:
		a.width = spec.Size
	case plan.Hop:
		a.width = greatestCommonDivisor(spec.Size, spec.Slide)
	case plan.Cumulate:
		a.width = spec.Slide
	case plan.Session:
		// Sessions are not made of slices; only the clock is used.
	}
	if timeColumn.Type.Kind == value.TimestampLTZ && env.Context.Zone != time.UTC {
		a.zone = env.Context.Zone
	}
	return a, nil
}

func greatestCommonDivisor(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// clock reads the time column on the windows' clock.
func (a *assigner) clock(c *batch.Column, i int) int64 {
	ms := milliseconds(c, i)
	if a.zone == nil {
		return ms
	}
	_, offset := time.UnixMilli(ms).In(a.zone).Zone()
	return ms + int64(offset)*1000
}

// floor is the last multiple of step, counted from the offset, that is not
// after t.
func (a *assigner) floor(t, step int64) int64 {
	return floorDivide(t-a.spec.Offset, step)*step + a.spec.Offset
}

// slice is the end of the slice that the time t falls in.
func (a *assigner) slice(t int64) int64 { return a.floor(t, a.width) + a.width }

// firstWindow is the end of the earliest window that has the slice.
func (a *assigner) firstWindow(slice int64) int64 {
	if a.spec.Kind != plan.Hop {
		return slice
	}
	// Starts are multiples of the slide: the first that is not before the
	// slice's end less the size.
	return a.floor(slice-a.spec.Size+a.spec.Slide-1, a.spec.Slide) + a.spec.Size
}

// lastWindow is the end of the latest window that has the slice.
func (a *assigner) lastWindow(slice int64) int64 {
	switch a.spec.Kind {
	case plan.Hop:
		return a.floor(slice-a.width, a.spec.Slide) + a.spec.Size
	case plan.Cumulate:
		return a.floor(slice-a.width, a.spec.Size) + a.spec.Size
	default:
		return slice
	}
}

// step is the distance between the ends of consecutive windows of one slice.
func (a *assigner) step() int64 {
	switch a.spec.Kind {
	case plan.Hop, plan.Cumulate:
		return a.spec.Slide
	default:
		return a.spec.Size
	}
}

// start is the first moment of the window that ends at end.
func (a *assigner) start(end int64) int64 {
	if a.spec.Kind == plan.Cumulate {
		return a.floor(end-a.width, a.spec.Size)
	}
	return end - a.spec.Size
}

// fires is the watermark at which the window that ends at end is complete: one
// millisecond before its end. Where a clock is set back the hour that repeats is
// in one window, complete after the second pass; an end that a clock skips is
// when it skips.
func (a *assigner) fires(end int64) engine.Watermark {
	last := end - 1
	if a.zone == nil {
		return last
	}
	// The offset can change by the time that is asked for, so both candidates
	// are tried: the later instant that shows this time wins.
	_, before := time.UnixMilli(last - dayMilliseconds).In(a.zone).Zone()
	_, after := time.UnixMilli(last + dayMilliseconds).In(a.zone).Zone()
	instant := last - int64(min(before, after))*1000
	if _, offset := time.UnixMilli(instant).In(a.zone).Zone(); instant+int64(offset)*1000 == last {
		return instant
	}
	earlier := last - int64(max(before, after))*1000
	if _, offset := time.UnixMilli(earlier).In(a.zone).Zone(); earlier+int64(offset)*1000 == last {
		return earlier
	}
	// No instant shows this time: the clock skipped it before the later candidate.
	skip, _ := time.UnixMilli(instant).In(a.zone).ZoneBounds()
	return skip.UnixMilli()
}

const dayMilliseconds = 24 * 60 * 60 * 1000
