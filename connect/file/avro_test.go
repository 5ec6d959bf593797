package file

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/connect"
)

// clicks is a file of seven records in blocks of a few, as fastavro writes it.
const clicks = `
null T2JqAQQUYXZyby5jb2RlYwhudWxsFmF2cm8uc2NoZW1h4gJ7InR5cGUiOiAicmVjb3JkIiwgIm5hbWUiOiAiY2xpY2siLCAiZmllbGRzIjogW3sibmFtZSI6ICJ1cmwiLCAidHlwZSI6ICJzdHJpbmcifSwgeyJuYW1lIjogImlkIiwgInR5cGUiOiAibG9uZyJ9LCB7ImRlZmF1bHQiOiBudWxsLCAibmFtZSI6ICJjb3N0IiwgInR5cGUiOiBbIm51bGwiLCAiZG91YmxlIl19XX0AMDEyMzQ1Njc4OWFiY2RlZghQBi9hMAACAAAAAAAAAAAGL2ExAgAGL2EyBAAGL2EzBgIAAAAAAAD4PzAxMjM0NTY3ODlhYmNkZWYGNAYvYTQIAAYvYTUKAAYvYTYMAgAAAAAAAAhAMDEyMzQ1Njc4OWFiY2RlZg==
deflate T2JqAQQUYXZyby5jb2RlYw5kZWZsYXRlFmF2cm8uc2NoZW1h4gJ7InR5cGUiOiAicmVjb3JkIiwgIm5hbWUiOiAiY2xpY2siLCAiZmllbGRzIjogW3sibmFtZSI6ICJ1cmwiLCAidHlwZSI6ICJzdHJpbmcifSwgeyJuYW1lIjogImlkIiwgInR5cGUiOiAibG9uZyJ9LCB7ImRlZmF1bHQiOiBudWxsLCAibmFtZSI6ICJjb3N0IiwgInR5cGUiOiBbIm51bGwiLCAiZG91YmxlIl19XX0AMDEyMzQ1Njc4OWFiY2RlZgg6Y9NPNGBgYoACNv1EQyYQacQCIo3ZoDI/7AFLBQQwMTIzNDU2Nzg5YWJjZGVmBjJj00804WBg00805QKRZjxMDGDA4QAALRwCMDEyMzQ1Njc4OWFiY2RlZg==
snappy T2JqAQQUYXZyby5jb2RlYwxzbmFwcHkWYXZyby5zY2hlbWHiAnsidHlwZSI6ICJyZWNvcmQiLCAibmFtZSI6ICJjbGljayIsICJmaWVsZHMiOiBbeyJuYW1lIjogInVybCIsICJ0eXBlIjogInN0cmluZyJ9LCB7Im5hbWUiOiAiaWQiLCAidHlwZSI6ICJsb25nIn0sIHsiZGVmYXVsdCI6IG51bGwsICJuYW1lIjogImNvc3QiLCAidHlwZSI6IFsibnVsbCIsICJkb3VibGUiXX1dfQAwMTIzNDU2Nzg5YWJjZGVmCFIoGAYvYTAAAgANARAGL2ExAgEGQDIEAAYvYTMGAgAAAAAAAPg/4RbxJjAxMjM0NTY3ODlhYmNkZWYGQBpkBi9hNAgABi9hNQoABi9hNgwCAAAAAAAACEBkhaeoMDEyMzQ1Njc4OWFiY2RlZg==
`

var clickColumns = []connect.Column{column("id", value.BigIntType), column("cost", value.DoubleType), column("url", value.StringType), column("more", value.IntType)}

// TestAvroFilesOfOthers reads container files of another implementation in every
// codec, and goes on from every place.
func TestAvroFilesOfOthers(t *testing.T) {
	var want []string
	for i := range 7 {
		cost := "NULL"
		if i%3 == 0 {
			cost = value.OfDouble(float64(i) / 2).String()
		}
		want = append(want, fmt.Sprintf("%d %s /a%d NULL", i, cost, i))
	}
	for line := range strings.SplitSeq(strings.TrimSpace(clicks), "\n") {
		codec, text, _ := strings.Cut(line, " ")
		t.Run(codec, func(t *testing.T) {
			content, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			fsys := vfs.NewMem()
			put(t, fsys, "/in/clicks.avro", content)
			s := makeSource(t, request(fsys, "avro", clickColumns...))
			got := readSplit(t, s, "clicks.avro", nil, func(at connect.Offset, rows int) {
				if diff := cmp.Diff(want[rows:], readSplit(t, s, "clicks.avro", at, nil), cmp.Transformer("none", func(s []string) string { return strings.Join(s, "\n") })); diff != "" {
					t.Error(diff)
				}
			})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			// A file that is cut ends between two blocks, or is an error.
			for n := range content {
				put(t, fsys, "/in/clicks.avro", content[:n])
				some, err := tryReadSplit(s, "clicks.avro", nil, nil)
				if err != nil && !strings.Contains(err.Error(), "clicks.avro") {
					t.Fatalf("cut to %d bytes: %v does not name the file", n, err)
				}
				if err == nil && n > 0 && !bytes.HasSuffix(content[:n], []byte("0123456789abcdef")) {
					t.Fatalf("cut to %d bytes: no error after %d rows", n, len(some))
				}
				if len(some) > 0 && !cmp.Equal(some, want[:len(some)]) {
					t.Fatalf("cut to %d bytes: %v", n, some)
				}
			}
		})
	}
}

// TestAvroFilesReadBack writes container files with every codec and reads them.
// An epoch that is applied again writes the same bytes.
func TestAvroFilesReadBack(t *testing.T) {
	columns := []connect.Column{column("id", value.BigIntType.Required()), column("name", value.StringType), column("at", value.TimestampType)}
	for _, codec := range []string{"", "null", "deflate", "snappy", "zstandard"} {
		fsys := vfs.NewMem()
		r := request(fsys, "avro", columns...)
		if codec != "" {
			r.Options["avro.codec"] = codec
		}
		sink, err := Connector().Sink(r)
		if err != nil {
			t.Fatal(err)
		}
		var rows []*batch.Batch
		var want []string
		for i := range 3 {
			b := &batch.Batch{Rows: 4000}
			for _, c := range columns {
				b.Columns = append(b.Columns, batch.NewColumn(c.Type, b.Rows))
			}
			for k := range b.Rows {
				id := int64(i*b.Rows + k)
				row := []value.Value{value.OfBigInt(id), value.OfString(strings.Repeat("x", k%9)), {Type: value.TimestampType, Int: id * 1000}}
				if k%5 == 0 {
					row[1] = value.NullOf(value.StringType)
				}
				cells := make([]string, len(row))
				for n, v := range row {
					b.Columns[n].AppendValue(v)
					cells[n] = v.String()
				}
				want = append(want, strings.Join(cells, " "))
			}
			rows = append(rows, b)
		}
		var before []byte
		for range 2 {
			if err := sink.Apply(ctx, connect.Commit{Epoch: 1, Batches: rows}); err != nil {
				t.Fatal(err)
			}
			const name = "/in/part-j-t-00000000000000000001.avro"
			content, err := vfs.ReadFile(fsys, name)
			if err != nil {
				t.Fatal(err)
			}
			if before != nil && !bytes.Equal(before, content) {
				t.Errorf("codec %q: the epoch gives another file the second time", codec)
			}
			before = content
		}
		if got := readSplit(t, makeSource(t, r), "part-j-t-00000000000000000001.avro", nil, nil); !cmp.Equal(want, got) {
			t.Errorf("codec %q: %d rows come back as %d", codec, len(want), len(got))
		}
	}
}
