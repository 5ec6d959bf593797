package olap

import (
	"fmt"
	"testing"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/base/vfs"
)

// perMinute counts by minute and device.
var perMinute = Table{
	Name:    "per_minute",
	Columns: []value.Field{{Name: "minute", Type: value.TimestampLTZOf(3).Required()}, {Name: "device", Type: value.StringType.Required()}, {Name: "n", Type: value.BigIntType}},
	Key:     []int{0, 1},
}

// deviceRows are rows of a minute, of count devices from the first on.
func deviceRows(minute, first, count int, n int64) []*batch.Batch {
	var all []*batch.Batch
	for from := 0; from < count; from += batch.MaxRows {
		b := &batch.Batch{Rows: min(count-from, batch.MaxRows)}
		at, device, value := batch.NewColumn(perMinute.Columns[0].Type, b.Rows), batch.NewColumn(perMinute.Columns[1].Type, b.Rows), batch.NewColumn(perMinute.Columns[2].Type, b.Rows)
		at.Resize(b.Rows)
		device.Resize(b.Rows)
		value.Resize(b.Rows)
		for i := range b.Rows {
			at.Ints[i], value.Ints[i] = int64(minute)*60_000_000, n
			device.SetString(i, fmt.Sprintf("device %07d", first+from+i))
		}
		b.Columns = []*batch.Column{at, device, value}
		all = append(all, b)
	}
	return all
}

// BenchmarkMerge replaces rows of the last minute, in a table of ten minutes of
// 100,000 devices.
func BenchmarkMerge(b *testing.B) {
	const minutes, devices = 10, 100_000
	s, err := Open(b.Context(), vfs.OS(), b.TempDir(), Options{Running: 2})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.CreateTable(b.Context(), perMinute); err != nil {
		b.Fatal(err)
	}
	w, err := s.Writer(b.Context(), perMinute)
	if err != nil {
		b.Fatal(err)
	}
	epoch := uint64(0)
	apply := func(rows []*batch.Batch) {
		epoch++
		if err := w.Apply(b.Context(), epoch, 0, rows); err != nil {
			b.Fatal(err)
		}
	}
	for minute := range minutes {
		apply(deviceRows(minute, 0, devices, 0))
	}
	for _, rows := range []int{500, 1_250, 2_500, 5_000, 10_000} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			first := 0
			for b.Loop() {
				apply(deviceRows(minutes-1, first%(devices-rows), rows, int64(epoch)))
				first += rows
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
	if n, err := s.Rows(b.Context(), perMinute); err != nil || n != minutes*devices {
		b.Errorf("%d rows, %v", n, err)
	}
}

// TestMergesFindTheirRows: also when keys lie at the ends of what there is, and
// beyond.
func TestMergesFindTheirRows(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	w := writer(t, s, perMinute)
	for epoch, rows := range [][]*batch.Batch{
		append(deviceRows(-3, 0, 10, 1), deviceRows(5, 0, 10, 1)...),
		append(deviceRows(-3, 5, 10, 2), deviceRows(5, 9, 1, 2)...),
		deviceRows(9, 0, 3, 3), deviceRows(-3, 0, 1, 4), append(deviceRows(9, 2, 2, 5), deviceRows(-9, 0, 1, 5)...),
	} {
		if err := w.Apply(t.Context(), uint64(epoch)+1, 0, rows); err != nil {
			t.Fatal(err)
		}
	}
	var got string
	question := Question{SQL: "SELECT string_agg(n || ' in ' || c, ', ' ORDER BY n) FROM (SELECT n, count(*) AS c FROM per_minute GROUP BY n)", Columns: []value.Field{{Name: "s", Type: value.StringType}}}
	if _, err := s.Query(t.Context(), question, func(_ []value.Field, b *batch.Batch) error {
		got = string(b.Columns[0].Bytes(0))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := "1 in 13, 2 in 11, 3 in 2, 4 in 1, 5 in 3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
