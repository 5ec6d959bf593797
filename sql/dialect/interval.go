package dialect

import (
	"fmt"
	"strconv"
	"strings"

	"tidemark/base/problem"
	"tidemark/sql"
)

// Microseconds of the units.
const (
	microsSecond = int64(1_000_000)
	microsMinute = 60 * microsSecond
	microsHour   = 60 * microsMinute
	microsDay    = 24 * microsHour
)

// unitSizes are what one of each unit is worth in months and microseconds.
var unitSizes = map[string]struct{ months, micros int64 }{
	"YEAR": {12, 0}, "QUARTER": {3, 0}, "MONTH": {1, 0}, "WEEK": {0, 7 * microsDay}, "DAY": {0, microsDay},
	"HOUR": {0, microsHour}, "MINUTE": {0, microsMinute}, "SECOND": {0, microsSecond},
}

// unitOrder are the fields of a compound interval and what separates them.
var unitOrder = []struct{ unit, separator string }{
	{"YEAR", "-"}, {"MONTH", ""}, {"DAY", " "}, {"HOUR", ":"}, {"MINUTE", ":"}, {"SECOND", ""},
}

// intervalValue reads an interval literal: whole months, or microseconds.
func intervalValue(i *sql.Interval) (months, micros int64, fault *problem.Problem) {
	wrong := func() (int64, int64, *problem.Problem) {
		return 0, 0, problem.New(problem.InvalidValue, "'%s' is no INTERVAL %s", i.Text, i.Unit).At(i.Pos()).
			WithHint("such as INTERVAL '5' MINUTE, INTERVAL '1-2' YEAR TO MONTH, INTERVAL '1 02:03:04.5' DAY TO SECOND")
	}
	text, negative := strings.TrimSpace(i.Text), i.Negative
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		text, negative = rest, !negative
	} else {
		text = strings.TrimPrefix(text, "+")
	}
	lead, last, compound := strings.Cut(string(i.Unit), " TO ")
	if !compound {
		last = lead
	}
	started := !compound
	if !compound {
		m, us, ok := fieldValue(text, lead)
		if !ok {
			return wrong()
		}
		months, micros = m, us
	}
	for _, field := range unitOrder {
		started = started || field.unit == lead
		if !compound || !started {
			continue
		}
		part := text
		if field.unit != last {
			var found bool
			if part, text, found = strings.Cut(text, field.separator); !found {
				return wrong()
			}
		}
		m, us, ok := fieldValue(part, field.unit)
		if !ok {
			return wrong()
		}
		months, micros = months+m, micros+us
		if field.unit == last {
			break
		}
	}
	if negative {
		months, micros = -months, -micros
	}
	return months, micros, nil
}

// fieldValue reads one field; only seconds may have a fraction.
func fieldValue(text, unit string) (months, micros int64, ok bool) {
	whole, fraction, hasFraction := strings.Cut(text, ".")
	n, err := strconv.ParseUint(whole, 10, 31)
	if err != nil || hasFraction && (unit != "SECOND" || fraction == "" || len(fraction) > 9) {
		return 0, 0, false
	}
	size := unitSizes[unit]
	micros = int64(n) * size.micros
	if hasFraction {
		digits, err := strconv.ParseUint((fraction + "000000")[:6], 10, 31)
		if err != nil {
			return 0, 0, false
		}
		micros += int64(digits)
	}
	return int64(n) * size.months, micros, true
}

// intervalLiteral writes an interval for DuckDB, days apart from hours so that
// it prints in the same way.
func intervalLiteral(months, micros int64) string {
	switch {
	case months != 0:
		return fmt.Sprintf("INTERVAL '%d months'", months)
	case micros%microsDay == 0:
		return fmt.Sprintf("INTERVAL '%d days'", micros/microsDay)
	}
	return fmt.Sprintf("INTERVAL '%d microseconds'", micros)
}
