package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"tidemark/base/problem"
	"tidemark/base/vfs"
	"tidemark/connect"
)

// properties are the settings of 'properties.*', by the names of Kafka's Java
// client.
type properties struct {
	servers            []string
	clientID           string
	group              string // "" for none
	readUncommitted    bool
	reset              string // auto.offset.reset
	transactionTimeout time.Duration
	options            []kgo.Opt // security
	producing          []kgo.Opt // compression and the like
}

// transactionTimeoutDefault is after how long a broker aborts the transaction of
// a sink that says nothing any more. Until then its readers wait.
const transactionTimeoutDefault = time.Minute

// harmless are properties that say nothing to this client; they are taken so
// that a Flink script runs as it is.
var harmless = []string{
	"enable.auto.commit", "auto.commit.interval.ms", "max.poll.records", "max.poll.interval.ms", "session.timeout.ms",
	"heartbeat.interval.ms", "fetch.min.bytes", "fetch.max.wait.ms", "fetch.max.bytes", "max.partition.fetch.bytes",
	"partition.discovery.interval.ms", "key.deserializer", "value.deserializer", "key.serializer", "value.serializer",
	"request.timeout.ms", "retries", "batch.size", "buffer.memory", "max.block.ms", "delivery.timeout.ms",
	"allow.auto.create.topics", "metadata.max.age.ms", "enable.idempotence", "acks", "max.in.flight.requests.per.connection",
	"reconnect.backoff.ms", "reconnect.backoff.max.ms", "connections.max.idle.ms", "group.instance.id", "client.rack",
}

// handled are the properties that are read below.
var handled = []string{
	"bootstrap.servers", "client.id", "group.id", "isolation.level", "auto.offset.reset", "transaction.timeout.ms", "linger.ms",
	"max.request.size", "compression.type", "security.protocol", "sasl.mechanism", "sasl.jaas.config", "ssl.truststore.type",
	"ssl.truststore.location", "ssl.truststore.certificates", "ssl.endpoint.identification.algorithm",
}

// readProperties checks and reads them.
func readProperties(r connect.Request) (properties, error) {
	p := properties{clientID: "tidemark", transactionTimeout: transactionTimeoutDefault}
	get := func(name string) string { return strings.TrimSpace(r.Options[propertyPrefix+name]) }
	for key := range r.Options {
		name, is := strings.CutPrefix(key, propertyPrefix)
		if !is || slices.Contains(handled, name) || slices.Contains(harmless, name) {
			continue
		}
		wrong := problem.New(problem.UnknownOption, "the Kafka client has no property %q", name).About(key)
		if near := problem.Nearest(name, append(slices.Clone(handled), harmless...)); near != "" {
			wrong.WithHint("did you mean %q?", propertyPrefix+near)
		}
		return p, wrong
	}
	for server := range strings.SplitSeq(get("bootstrap.servers"), ",") {
		if server = strings.TrimSpace(server); server != "" {
			p.servers = append(p.servers, server)
		}
	}
	if len(p.servers) == 0 {
		return p, invalid("properties.bootstrap.servers", "table %q needs the addresses of its brokers", r.Table).WithHint("'properties.bootstrap.servers' = 'host:9092'")
	}
	if id := get("client.id"); id != "" {
		p.clientID = id
	}
	p.group, p.reset = get("group.id"), get("auto.offset.reset")
	if !slices.Contains([]string{"", "none", "earliest", "latest"}, p.reset) {
		return p, invalid("properties.auto.offset.reset", "auto.offset.reset is %q", p.reset).WithHint("use earliest, latest or none")
	}
	switch level := get("isolation.level"); level {
	case "", "read_committed":
	case "read_uncommitted":
		p.readUncommitted = true
	default:
		return p, invalid("properties.isolation.level", "isolation.level is %q", level).WithHint("use read_committed or read_uncommitted")
	}
	if text := get("transaction.timeout.ms"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return p, invalid("properties.transaction.timeout.ms", "transaction.timeout.ms is %q", text)
		}
		p.transactionTimeout = time.Duration(n) * time.Millisecond
	}
	if err := p.readProducing(get); err != nil {
		return p, err
	}
	return p, p.readSecurity(get, r.FS)
}

// invalid is a problem with the value of an option.
func invalid(option, format string, args ...any) *problem.Problem {
	return problem.New(problem.InvalidOption, format, args...).About(option)
}

// readProducing reads what concerns sinks alone.
func (p *properties) readProducing(get func(string) string) error {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	if name := get("compression.type"); name != "" {
		codec, known := codecs[name]
		if !known {
			return invalid("properties.compression.type", "compression.type is %q", name).WithHint("use none, gzip, snappy, lz4 or zstd")
		}
		p.producing = append(p.producing, kgo.ProducerBatchCompression(codec))
	} else {
		p.producing = append(p.producing, kgo.ProducerBatchCompression(kgo.NoCompression()))
	}
	for name, option := range map[string]func(int) kgo.Opt{
		"linger.ms":        func(n int) kgo.Opt { return kgo.ProducerLinger(time.Duration(n) * time.Millisecond) },
		"max.request.size": func(n int) kgo.Opt { return kgo.ProducerBatchMaxBytes(int32(min(n, 1<<30))) },
	} {
		if text := get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				return invalid(propertyPrefix+name, "%s is %q", name, text)
			}
			p.producing = append(p.producing, option(n))
		}
	}
	return nil
}

// jaasEntry finds username="…" and password="…" in a JAAS configuration.
var jaasEntry = regexp.MustCompile(`(username|password)\s*=\s*"((?:[^"\\]|\\.)*)"`)

// readSecurity reads what connections need.
func (p *properties) readSecurity(get func(string) string, files vfs.FS) error {
	protocol := get("security.protocol")
	encrypted, authenticated := false, false
	switch protocol {
	case "", "PLAINTEXT":
	case "SSL":
		encrypted = true
	case "SASL_PLAINTEXT":
		authenticated = true
	case "SASL_SSL":
		encrypted, authenticated = true, true
	default:
		return invalid("properties.security.protocol", "security.protocol is %q", protocol).WithHint("use PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL")
	}
	if encrypted {
		config, err := readTLS(get, files)
		if err != nil {
			return err
		}
		p.options = append(p.options, kgo.DialTLSConfig(config))
	}
	if authenticated {
		mechanism, err := readSASL(get)
		if err != nil {
			return err
		}
		p.options = append(p.options, kgo.SASL(mechanism))
	}
	return nil
}

func readSASL(get func(string) string) (sasl.Mechanism, error) {
	entries := map[string]string{}
	for _, found := range jaasEntry.FindAllStringSubmatch(get("sasl.jaas.config"), -1) {
		entries[found[1]] = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(found[2])
	}
	user, password := entries["username"], entries["password"]
	if user == "" {
		return nil, invalid("properties.sasl.jaas.config", "sasl.jaas.config names no user").WithHint(`'… required username="u" password="p";'`)
	}
	switch name := get("sasl.mechanism"); name {
	case "PLAIN":
		return plain.Auth{User: user, Pass: password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: user, Pass: password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: user, Pass: password}.AsSha512Mechanism(), nil
	default:
		return nil, problem.New(problem.Unsupported, "sasl.mechanism %q is not built", name).About("properties.sasl.mechanism").WithHint("use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
	}
}

func readTLS(get func(string) string, files vfs.FS) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if kind := get("ssl.truststore.type"); kind != "" && kind != "PEM" {
		return nil, problem.New(problem.Unsupported, "a trust store of type %s cannot be read", kind).About("properties.ssl.truststore.type").WithHint("export the certificates as PEM: 'properties.ssl.truststore.type' = 'PEM'")
	}
	if algorithm := get("ssl.endpoint.identification.algorithm"); algorithm != "" && algorithm != "https" {
		return nil, invalid("properties.ssl.endpoint.identification.algorithm", "ssl.endpoint.identification.algorithm is %q", algorithm).WithHint("the names of brokers are always checked: use https")
	}
	certificates := []byte(get("ssl.truststore.certificates"))
	if path := get("ssl.truststore.location"); path != "" {
		content, err := vfs.ReadFile(files, path)
		if err != nil {
			return nil, invalid("properties.ssl.truststore.location", "the trust store %s cannot be read: %v", path, err)
		}
		certificates = content
	}
	if len(certificates) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(certificates) {
			return nil, invalid("properties.ssl.truststore.location", "the trust store has no certificate in PEM form")
		}
	}
	return config, nil
}

// clientOptions are those of every client.
func (p properties) clientOptions() []kgo.Opt {
	return append([]kgo.Opt{
		kgo.SeedBrokers(p.servers...), kgo.ClientID(p.clientID), kgo.SoftwareNameAndVersion("tidemark", "1"), kgo.DisableClientMetrics(),
		kgo.RetryTimeout(unreachableMax / 2), kgo.BrokerMaxReadBytes(fetchBytesMax + 128<<20),
	}, p.options...)
}
