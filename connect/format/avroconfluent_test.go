package format

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// confluentTable reads messages with a decoder of id and name.
type confluentTable struct {
	t       *testing.T
	decoder Asking
}

func newConfluentTable(t *testing.T, url string, more ...string) confluentTable {
	options := map[string]string{"avro-confluent.url": url}
	for i := 0; i+1 < len(more); i += 2 {
		options[more[i]] = more[i+1]
	}
	columns := []Column{{Name: "id", Type: value.BigIntType}, {Name: "name", Type: value.StringType, Position: 1}}
	d, err := avroConfluentFormat().NewDecoder(columns, nil, options)
	if err != nil {
		t.Fatal(err)
	}
	return confluentTable{t, d.(Asking)}
}

// read gives the rows of messages, and what is wrong with the others.
func (c confluentTable) read(messages ...string) []string {
	c.t.Helper()
	var block []byte
	var records []batch.View
	for _, m := range messages {
		records = append(records, batch.View{Offset: uint32(len(block)), Length: uint32(len(m))})
		block = append(block, m...)
	}
	if err := c.decoder.Prepare(context.Background(), block, records); err != nil {
		return []string{"error: " + err.Error()}
	}
	b, rejected := c.decoder.Decode(block, records)
	var out []string
	for i := range b.Rows {
		out = append(out, rowText(b, i, time.UTC))
	}
	for _, r := range rejected {
		out = append(out, fmt.Sprintf("rejected %d: %s", r.Record, r.Problem.Message))
	}
	return out
}

func framed(id int, datum string) string {
	return string(binary.BigEndian.AppendUint32([]byte{0}, uint32(id))) + datum
}

// TestConfluentMessages reads writers' schemas as they change, each asked for once.
func TestConfluentMessages(t *testing.T) {
	registry := srfake.New()
	defer registry.Close()
	asked := map[string]int{}
	registry.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		asked[r.Method+" "+r.URL.Path]++
		return false
	})
	registry.SeedSchema("users", 1, 11, sr.Schema{Schema: `{"type":"record","name":"u","fields":[{"name":"id","type":"int"}]}`})
	registry.SeedSchema("users", 2, 12, sr.Schema{Schema: `{"type":"record","name":"u","fields":[{"name":"name","type":"string"},{"name":"old","type":"double"},{"name":"id","type":["null","long"]}]}`})
	registry.SeedSchema("kind", 1, 20, sr.Schema{Schema: `{"type":"enum","name":"k.Kind","symbols":["BUYER","SELLER"]}`})
	registry.SeedSchema("users", 3, 13, sr.Schema{
		Schema:     `{"type":"record","name":"u","fields":[{"name":"id","type":"long"},{"name":"name","type":"k.Kind"}]}`,
		References: []sr.SchemaReference{{Name: "k.Kind", Subject: "kind", Version: 1}},
	})
	registry.SeedSchema("bad", 1, 14, sr.Schema{Schema: `{"type":"record","name":"u","fields":[{"name":"id","type":"string"}]}`})
	table := newConfluentTable(t, registry.URL())
	got := table.read(framed(11, "\x02"), framed(12, "\x04ab\x00\x00\x00\x00\x00\x00\xf0\x3f\x02\x04"), framed(13, "\x06\x02"), framed(11, "\x08"),
		framed(99, "\x02"), "\x01\x00\x00\x00\x0b\x02", "\x00\x00", "")
	want := []string{
		`["1", null]`, `["2", "ab"]`, `["3", "SELLER"]`, `["4", null]`,
		"rejected 4: the schema registry has no schema 99",
		"rejected 5: the message does not begin with the number of a schema",
		"rejected 6: the message does not begin with the number of a schema",
		"rejected 7: the message does not begin with the number of a schema",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	table.read(framed(11, "\x02"), framed(13, "\x06\x02"))
	for _, path := range []string{"GET /schemas/ids/11", "GET /schemas/ids/12", "GET /schemas/ids/13"} {
		if asked[path] != 1 {
			t.Errorf("%s was asked %d times", path, asked[path])
		}
	}
	if got := table.read(framed(14, "\x02a")); len(got) != 1 || !strings.Contains(got[0], "schema 14 of the registry: the field id of the Avro schema, string, cannot be BIGINT") {
		t.Errorf("a schema that does not fit: %v", got)
	}
}

// TestConfluentRoundTrip registers the schema once and reads what was written.
func TestConfluentRoundTrip(t *testing.T) {
	registry := srfake.New(srfake.WithAuth("Basic YWxpY2U6c2VjcmV0"))
	defer registry.Close()
	login := []string{"avro-confluent.basic-auth.user-info", "alice:secret"}
	fields := []value.Field{{Name: "id", Type: value.BigIntType.Required()}, {Name: "name", Type: value.StringType}}
	options := map[string]string{"avro-confluent.url": registry.URL(), SubjectOption: "users-value", login[0]: login[1]}
	var messages []string
	for range 2 { // a second writer has the same schema
		e, err := avroConfluentFormat().NewEncoder(fields, options)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := e.(Announcing).Announce(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		b := &batch.Batch{Rows: 1}
		for i, v := range []value.Value{value.OfBigInt(7), value.OfString("seven")} {
			b.Columns = append(b.Columns, batch.NewColumn(fields[i].Type, 1))
			b.Columns[i].AppendValue(v)
		}
		text, err := e.AppendRow(nil, b, 0)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, strings.TrimSuffix(string(text), "\n"))
	}
	if messages[0] != messages[1] {
		t.Errorf("two writers of one schema write %x and %x", messages[0], messages[1])
	}
	if got := newConfluentTable(t, registry.URL(), login...).read(messages...); !cmp.Equal(got, []string{`["7", "seven"]`, `["7", "seven"]`}) {
		t.Error(got)
	}
	if got := newConfluentTable(t, registry.URL()).read(messages[0]); !strings.HasPrefix(got[0], "error: ") || !strings.Contains(got[0], "refuses") {
		t.Errorf("without the login: %v", got)
	}
}

// TestConfluentRegistryAway tells an error that may pass from one about a record.
func TestConfluentRegistryAway(t *testing.T) {
	registry := srfake.New()
	url := registry.URL()
	registry.Close()
	table := newConfluentTable(t, url)
	err := table.decoder.Prepare(context.Background(), []byte(framed(1, "")), []batch.View{{Length: confluentHeader}})
	if p := problem.Of(err); p.Code != problem.Timeout || p.Retry != problem.Later {
		t.Errorf("%+v", p)
	}
}
