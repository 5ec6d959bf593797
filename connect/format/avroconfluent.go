package format

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

// Limits of asking a registry.
const (
	registryTimeout = 10 * time.Second
	schemasMax      = 1000 // writer's schemas that a decoder keeps compiled
	referencesMax   = 100  // schemas that one schema names
)

// SubjectOption names what a schema registry keeps a topic's schemas under.
const SubjectOption = "avro-confluent.subject"

// Asking is a Decoder that needs to ask another system before it can read some
// records.
type Asking interface {
	Decoder
	// Prepare asks for what the records need. Its error is about the other
	// system, not about a record, and may pass. Decode of the same records is
	// next.
	Prepare(ctx context.Context, block []byte, records []batch.View) error
}

// Announcing is an Encoder that has to tell another system what it is about to
// write, before the first row.
type Announcing interface {
	Encoder
	Announce(ctx context.Context) error
}

// avroConfluentFormat is 'format' = 'avro-confluent': a zero byte, the number
// that a schema registry gave the writer's schema, and a datum.
func avroConfluentFormat() Format {
	return Format{
		Name: "avro-confluent",
		Doc:  "Avro in messages that name their schema by its number in a Confluent Schema Registry",
		Options: []connect.Option{
			{Name: "avro-confluent.url", Doc: "of the registry, several with commas", Required: true},
			{Name: SubjectOption, Doc: "under which the schema is registered; for Kafka the topic with -value or -key"},
			{Name: "avro-confluent.basic-auth.credentials-source", Doc: "where the login is", Default: "USER_INFO", Values: []string{"USER_INFO"}},
			{Name: "avro-confluent.basic-auth.user-info", Doc: "user:password for the registry"},
			{Name: "avro-confluent.bearer-auth.credentials-source", Doc: "where the token is", Default: "STATIC_TOKEN", Values: []string{"STATIC_TOKEN"}},
			{Name: "avro-confluent.bearer-auth.token", Doc: "token for the registry"},
		},
		NewDecoder: func(columns []Column, _ []value.Field, options map[string]string) (Decoder, error) {
			r, err := newSchemaRegistry(options)
			return &avroConfluentDecoder{avroDecoder: avroDecoder{columns: columns}, registry: r, readers: map[uint32]*avroReader{}}, err
		},
		NewEncoder: func(fields []value.Field, options map[string]string) (Encoder, error) {
			r, err := newSchemaRegistry(options)
			if err != nil {
				return nil, err
			}
			subject := options[SubjectOption]
			if subject == "" {
				return nil, problem.New(problem.InvalidOption, "the avro-confluent format must know under which subject to register the schema").About(SubjectOption).WithHint("for example the topic's name with -value")
			}
			schema, err := avroSchemaOf(fields, true)
			if err == nil {
				_, err = parseAvro(schema)
			}
			return &avroConfluentEncoder{avroEncoder: *newAvroEncoder(fields), registry: r, subject: subject, schema: schema}, err
		},
	}
}

// schemaRegistry is what knows the schemas of writers.
type schemaRegistry struct {
	client *sr.Client
	url    string
}

func newSchemaRegistry(options map[string]string) (*schemaRegistry, error) {
	const optURL, optUser, optToken = "avro-confluent.url", "avro-confluent.basic-auth.user-info", "avro-confluent.bearer-auth.token"
	r := &schemaRegistry{url: options[optURL]}
	if r.url == "" {
		return nil, problem.New(problem.InvalidOption, "the avro-confluent format needs the address of a schema registry").About(optURL).WithHint("'%s' = 'http://…'", optURL)
	}
	with := []sr.ClientOpt{sr.URLs(strings.Split(r.url, ",")...), sr.HTTPClient(&http.Client{Timeout: registryTimeout}), sr.UserAgent("tidemark")}
	if login := options[optUser]; login != "" {
		user, password, found := strings.Cut(login, ":")
		if !found {
			return nil, problem.New(problem.InvalidOption, "option %q must be user:password", optUser).About(optUser)
		}
		with = append(with, sr.BasicAuth(user, password))
	}
	if token := options[optToken]; token != "" {
		with = append(with, sr.BearerToken(token))
	}
	var err error
	if r.client, err = sr.NewClient(with...); err != nil {
		return nil, problem.New(problem.InvalidOption, "the schema registry cannot be used: %v", err).About(optURL)
	}
	return r, nil
}

// failed is an error of the way to the registry, which may pass, or its refusal.
func (r *schemaRegistry) failed(err error, doing string, args ...any) error {
	doing = fmt.Sprintf(doing, args...)
	var answered *sr.ResponseError
	if errors.As(err, &answered) && answered.StatusCode/100 == 4 {
		return problem.New(problem.InvalidOption, "the schema registry at %s refuses to %s: %v", r.url, doing, err).WithHint("look at the login (avro-confluent.basic-auth.user-info) and at the subject's compatibility")
	}
	return problem.New(problem.Timeout, "%s: the schema registry at %s: %v", doing, r.url, err).Retryable()
}

// schema asks for a schema by number, and for those that it names. missing says
// that there is none.
func (r *schemaRegistry) schema(ctx context.Context, id uint32) (text string, named []string, missing bool, err error) {
	s, err := r.client.SchemaByID(ctx, int(id))
	var answered *sr.ResponseError
	if errors.As(err, &answered) && answered.StatusCode == http.StatusNotFound {
		return "", nil, true, nil
	}
	if err == nil {
		named, err = r.named(ctx, nil, s.References, map[string]bool{})
	}
	if err != nil {
		return "", nil, false, r.failed(err, "read schema %d", id)
	}
	return s.Schema, named, false, nil
}

// named adds the schemas that a schema refers to, each behind those that it
// refers to itself.
func (r *schemaRegistry) named(ctx context.Context, all []string, references []sr.SchemaReference, known map[string]bool) ([]string, error) {
	for _, ref := range references {
		if known[ref.Name] {
			continue
		}
		if known[ref.Name] = true; len(known) > referencesMax {
			return nil, fmt.Errorf("it refers to more than %d others", referencesMax)
		}
		s, err := r.client.SchemaByVersion(ctx, ref.Subject, ref.Version)
		if err != nil {
			return nil, fmt.Errorf("its reference %s: %w", ref.Name, err)
		}
		if all, err = r.named(ctx, all, s.References, known); err != nil {
			return nil, err
		}
		all = append(all, s.Schema.Schema)
	}
	return all, nil
}

// register is the number of a schema, which is registered when it is new.
func (r *schemaRegistry) register(ctx context.Context, subject, schema string) (uint32, error) {
	id, err := r.client.RegisterSchema(ctx, subject, sr.Schema{Schema: schema, Type: sr.TypeAvro}, -1, -1)
	if err != nil {
		return 0, r.failed(err, "register a schema under %q", subject)
	}
	return uint32(id), nil
}

// Bytes of the header.
const (
	confluentMagic  = 0
	confluentHeader = 5
)

// confluentID is the number of a record's schema.
func confluentID(record []byte) (uint32, bool) {
	if len(record) < confluentHeader || record[0] != confluentMagic {
		return 0, false
	}
	return binary.BigEndian.Uint32(record[1:]), true
}

// avroConfluentDecoder keeps a reader for every schema that it has met.
type avroConfluentDecoder struct {
	avroDecoder
	registry *schemaRegistry
	readers  map[uint32]*avroReader
}

// Prepare asks for the schemas of the records that are not known yet. What the
// registry does not have stays unknown: Decode refuses it.
func (d *avroConfluentDecoder) Prepare(ctx context.Context, block []byte, records []batch.View) error {
	var missing map[uint32]bool
	for _, r := range records {
		id, ok := confluentID(block[r.Offset : r.Offset+r.Length])
		if !ok || d.readers[id] != nil || missing[id] {
			continue
		}
		text, named, none, err := d.registry.schema(ctx, id)
		if err != nil {
			return err
		}
		if none {
			if missing == nil {
				missing = map[uint32]bool{}
			}
			missing[id] = true
			continue
		}
		reader, err := newAvroReader(text, d.columns, named...)
		if err != nil {
			p := problem.Of(err)
			p.Message = fmt.Sprintf("schema %d of the registry: %s", id, p.Message)
			return p
		}
		if len(d.readers) >= schemasMax {
			clear(d.readers)
		}
		d.readers[id] = reader
	}
	return nil
}

// Decode reads a row from each record.
func (d *avroConfluentDecoder) Decode(block []byte, records []batch.View) (*batch.Batch, []Rejected) {
	return d.decode(records, func(r batch.View) (*avroReader, []byte, *problem.Problem) {
		record := block[r.Offset : r.Offset+r.Length]
		id, ok := confluentID(record)
		if !ok {
			return nil, nil, problem.New(problem.InvalidValue, "the message does not begin with the number of a schema").WithHint("Avro without a registry is 'format' = 'avro'")
		}
		reader := d.readers[id]
		if reader == nil {
			return nil, nil, problem.New(problem.InvalidValue, "the schema registry has no schema %d", id).WithHint("is %s the registry that the writers use?", d.registry.url)
		}
		return reader, record[confluentHeader:], nil
	})
}

// avroConfluentEncoder writes data behind the number of their schema.
type avroConfluentEncoder struct {
	avroEncoder
	registry        *schemaRegistry
	subject, schema string
	id              uint32
	announced       bool
}

// Announce registers the schema.
func (e *avroConfluentEncoder) Announce(ctx context.Context) error {
	if e.announced {
		return nil
	}
	id, err := e.registry.register(ctx, e.subject, e.schema)
	e.id, e.announced = id, err == nil
	return err
}

// AppendRow appends a message, and the line's end that every row has.
func (e *avroConfluentEncoder) AppendRow(dst []byte, b *batch.Batch, i int) ([]byte, error) {
	return e.avroEncoder.AppendRow(binary.BigEndian.AppendUint32(append(dst, confluentMagic), e.id), b, i)
}
