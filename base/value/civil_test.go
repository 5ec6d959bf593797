package value

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDatesMatchTheTimePackage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.Int64Range(-1_000_000, 4_000_000).Draw(t, "days")
		year, month, day := DateOfDays(days)
		want := time.Unix(days*SecondsPerDay, 0).UTC()
		if year != want.Year() || month != int(want.Month()) || day != want.Day() {
			t.Fatalf("%d is %d-%d-%d, want %s", days, year, month, day, want)
		}
		if back := DaysOfDate(year, month, day); back != days {
			t.Fatalf("%d comes back as %d", days, back)
		}
		if last := DaysInMonth(year, month); day > last || DaysOfDate(year, month+1, 1)-DaysOfDate(year, month, 1) != int64(last) {
			t.Fatalf("%d-%d has %d days", year, month, last)
		}
	})
}

// TestZonesMatchTheTimePackage checks that instants come back from wall clocks,
// but for the second pass of a repeated hour, which means the first.
func TestZonesMatchTheTimePackage(t *testing.T) {
	zones := []*time.Location{loadZone(t, "Europe/Berlin"), loadZone(t, "America/New_York"), loadZone(t, "Asia/Shanghai"), loadZone(t, "Australia/Lord_Howe"), loadZone(t, "Asia/Kolkata"), time.UTC}
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		instant := rapid.Int64Range(-3e9, 4e9).Draw(t, "instant")
		wall := WallOfInstant(instant, zone)
		shown := time.Unix(instant, 0).In(zone)
		if want := time.Date(shown.Year(), shown.Month(), shown.Day(), shown.Hour(), shown.Minute(), shown.Second(), 0, time.UTC).Unix(); wall != want {
			t.Fatalf("the clock shows %d, want %d", wall, want)
		}
		back := InstantOfWall(wall, zone)
		if WallOfInstant(back, zone) != wall || back > instant {
			t.Fatalf("%d comes back as %d", instant, back)
		}
	})
}

func TestAddMonths(t *testing.T) {
	for _, c := range []struct {
		from   string
		months int64
		want   string
	}{
		{"2024-01-31", 1, "2024-02-29"}, {"2023-01-31", 1, "2023-02-28"}, {"2024-03-31", -1, "2024-02-29"},
		{"2024-02-29", 12, "2025-02-28"}, {"2024-11-30", 3, "2025-02-28"}, {"0001-01-01", -1, "0000-12-01"},
	} {
		days, err := ParseDate(c.from)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(AppendDate(nil, AddMonths(days, c.months))); got != c.want {
			t.Errorf("%s and %d months is %s, want %s", c.from, c.months, got, c.want)
		}
	}
}

// FuzzParseTimestamp checks that what is read prints and reads back the same.
func FuzzParseTimestamp(f *testing.F) {
	for _, s := range []string{"2024-03-01 10:20:30.123456789", "2024-3-1", "2024-02-30", "2024-03-01 24:00:00", "2024-03-01T10:20Z", "2023-02-29 00:00:00Z", "9999-12-31 23:59:59.1234567891", "0000-01-01", "2024-03-01 10:20:30."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, form := range []TimestampForm{CastForm, SQLForm, ISOForm, SQLForm.WithZone(), ISOForm.WithZone()} {
			at, err := ParseTimestamp(text, form)
			fromBytes, bytesErr := ParseTimestamp([]byte(text), form)
			if (err == nil) != (bytesErr == nil) || at != fromBytes {
				t.Fatalf("%q: text and bytes differ", text)
			}
			if fast, ok := parseFullTimestamp(text, form); ok {
				if slow, err := parseAnyTimestamp(text, form); err != nil || slow != fast {
					t.Fatalf("%q is %v fast and %v, %v slow", text, fast, slow, err)
				}
			}
			if err != nil {
				continue
			}
			printed := string(AppendTimestamp(nil, at, MaxTimePrecision))
			if len(printed) > len("2024-03-01 10:20:30.123456789") {
				continue // 24:00:00 on the last day of the year 9999
			}
			if again, err := ParseTimestamp(printed, CastForm); err != nil || again != at {
				t.Fatalf("%q is %s, which reads as %v, %v", text, printed, again, err)
			}
		}
		if days, err := ParseDate(text); err == nil {
			if again, err := ParseDate(string(AppendDate(nil, days))); err != nil || again != days {
				t.Fatalf("%q is day %d, then %d, %v", text, days, again, err)
			}
		}
		if millis, err := ParseTime(text); err == nil && millis != int64(int32(millis)) {
			t.Fatalf("%q is %d ms", text, millis)
		}
	})
}
