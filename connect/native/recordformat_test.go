package native

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"tidemark/base/problem"
	"tidemark/base/vfs"
	"tidemark/store/eventlog"
)

// TestValueFormats: what is no format, or has other options, is refused.
func TestValueFormats(t *testing.T) {
	for _, c := range []struct {
		options map[string]string
		want    problem.Code
	}{
		{map[string]string{"value.format": "xml"}, problem.InvalidOption},
		{map[string]string{"value.format": "parquet"}, problem.Unsupported},
		{map[string]string{"value.format": "avro-confluent"}, problem.InvalidOption}, // no registry
		{map[string]string{"value.format": "csv", "csv.delimiter": ";"}, problem.UnknownOption},
	} {
		if err := NewIntake(nil, nil, columns).TakeRecords(nil, c.options); !problem.Is(err, c.want) {
			t.Errorf("%v: %v, want %s", c.options, err, c.want)
		}
	}
}

// TestConvertedValues: values of other formats become rows, those that cannot be
// read are in the quarantine.
func TestConvertedValues(t *testing.T) {
	registry := srfake.New()
	defer registry.Close()
	registry.SeedSchema("t-value", 1, 7, sr.Schema{Schema: `{"type":"record","name":"r","fields":[{"name":"name","type":"string"},{"name":"id","type":["null","long"]},
		{"name":"more","type":"double"},{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}}]}`})
	confluent := func(id uint32, datum string) string {
		return string(binary.BigEndian.AppendUint32([]byte{0}, id)) + datum
	}
	at := string(binary.AppendVarint(nil, 1_767_225_600_500_000))
	for name, c := range map[string]struct {
		options map[string]string
		values  []string
		want    []string
		bad     int
	}{
		"csv": {map[string]string{"value.format": "csv", "csv.field-delimiter": ";"}, []string{"1;one;2026-01-01 00:00:00.5Z", "x;two;"}, []string{"1|one|2026-01-01 00:00:00.500"}, 1},
		"avro-confluent": {map[string]string{"value.format": "avro-confluent", "avro-confluent.url": registry.URL()},
			[]string{confluent(7, "\x06one\x02\x02"+"\x00\x00\x00\x00\x00\x00\x00\x00"+at), confluent(8, "\x00"), confluent(7, "\x06two"), "{}"}, []string{"1|one|2026-01-01 00:00:00.500"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			main, quarantine, done := tables(t, vfs.NewMem(), 1)
			defer done()
			in := NewIntake(main, quarantine, columns)
			if err := in.TakeRecords(nil, c.options); err != nil {
				t.Fatal(err)
			}
			var records []eventlog.Record
			for _, v := range c.values {
				records = append(records, row("k", v))
			}
			receipt := acceptRecords(t, in, encoded(records...))
			if receipt.Quarantined != c.bad {
				t.Errorf("%d in the quarantine, want %d", receipt.Quarantined, c.bad)
			}
			got, _ := read(t, main, columns, nil, SplitOf(0))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	// While the registry does not answer, nothing is accepted.
	main, quarantine, done := tables(t, vfs.NewMem(), 1)
	defer done()
	in := NewIntake(main, quarantine, columns)
	url := registry.URL()
	registry.Close()
	if err := in.TakeRecords(nil, map[string]string{"value.format": "avro-confluent", "avro-confluent.url": url}); err != nil {
		t.Fatal(err)
	}
	if _, err := in.AcceptRecords(context.Background(), encoded(row("k", confluent(7, "")))); !problem.Is(err, problem.Timeout) {
		t.Errorf("without an answer of the registry: %v", err)
	}
	if got, _ := read(t, main, columns, nil, SplitOf(0)); len(got) > 0 {
		t.Error(fmt.Sprint(got))
	}
}
