package jdbc

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// postgresDialect speaks to PostgreSQL.
type postgresDialect struct{}

func (postgresDialect) name() string       { return "PostgreSQL" }
func (postgresDialect) prefixes() []string { return []string{"jdbc:postgresql://"} }
func (postgresDialect) port() string       { return "5432" }

// Properties of a URL, as PostgreSQL's own driver names them.
const (
	propertySSL         = "sslmode"
	propertySchema      = "currentSchema"
	propertyApplication = "ApplicationName"
)

func (postgresDialect) properties() (used, ignored []string) {
	return []string{propertySSL, propertySchema, propertyApplication}, []string{
		"connectTimeout", "defaultRowFetchSize", "loginTimeout", "prepareThreshold", "reWriteBatchedInserts", "socketTimeout", "stringtype", "tcpKeepAlive",
	}
}

var postgresTransport = []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

func (postgresDialect) check(s server) error {
	mode, given := s.properties[propertySSL]
	if !given {
		return nil
	}
	for _, known := range postgresTransport {
		if mode == known {
			return nil
		}
	}
	return problem.New(problem.InvalidOption, "%s is %q", propertySSL, mode).About(optionURL).WithHint("there are %v", postgresTransport)
}

// open lets sessions be in UTC, and lets dates be spelled in the usual way.
func (postgresDialect) open(s server, timeout time.Duration) (*sql.DB, error) {
	var hosts, ports []string
	for _, address := range s.hosts {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("prepare connections to %s: %w", s, err)
		}
		hosts, ports = append(hosts, host), append(ports, port)
	}
	mode := s.properties[propertySSL]
	if mode == "" {
		mode = "prefer"
	}
	words := []string{
		"host=" + word(strings.Join(hosts, ",")), "port=" + word(strings.Join(ports, ",")), "sslmode=" + mode,
		"connect_timeout=" + strconv.Itoa(max(1, int(timeout/time.Second))),
	}
	for _, w := range [][2]string{{"user", s.user}, {"password", s.password}, {"dbname", s.database}} {
		if w[1] != "" {
			words = append(words, w[0]+"="+word(w[1]))
		}
	}
	c, err := pgx.ParseConfig(strings.Join(words, " "))
	if err != nil {
		// What the driver says may repeat what it was given.
		return nil, wrongURL("does not make a connection that PostgreSQL knows")
	}
	c.RuntimeParams["timezone"], c.RuntimeParams["datestyle"], c.RuntimeParams["application_name"] = "UTC", "ISO, YMD", "tidemark"
	if name := s.properties[propertyApplication]; name != "" {
		c.RuntimeParams["application_name"] = name
	}
	if schema := s.properties[propertySchema]; schema != "" {
		c.RuntimeParams["search_path"] = schema
	}
	return stdlib.OpenDB(*c), nil
}

// word quotes a value of a connection text.
func word(text string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), "'", `\'`) + "'"
}

// path folds names without quotes to lower case, as PostgreSQL does.
func (postgresDialect) path(parts []identifier) string {
	names := make([]string, len(parts))
	for i, p := range parts {
		if !p.quoted {
			p.text = strings.ToLower(p.text)
		}
		names[i] = quoted(p.text, `"`)
	}
	return strings.Join(names, ".")
}

func (postgresDialect) quote(name string) string { return quoted(name, `"`) }

// postgresCasts say what arguments are that are compared, so that one that the
// column's own type does not hold is no error but different. Texts are taken for
// what the column is.
var postgresCasts = map[value.Kind]string{
	value.TinyInt: "::bigint", value.SmallInt: "::bigint", value.Int: "::bigint", value.BigInt: "::bigint", value.Decimal: "::numeric",
	value.Date: "::date", value.Timestamp: "::timestamp", value.TimestampLTZ: "::timestamptz",
}

func (postgresDialect) argument(number int, t value.Type) string {
	return "$" + strconv.Itoa(number) + postgresCasts[t.Kind]
}

func (d postgresDialect) upsert(columns, keys []string) string {
	conflict := " ON CONFLICT (" + strings.Join(keys, ", ") + ") DO "
	if len(columns) == 0 {
		return conflict + "NOTHING"
	}
	set := make([]string, len(columns))
	for i, c := range columns {
		set[i] = c + " = EXCLUDED." + c
	}
	return conflict + "UPDATE SET " + strings.Join(set, ", ")
}

const postgresFractionMax = 6 // digits of a second

func (d postgresDialect) refusal(t value.Type) string {
	switch t.Kind {
	case value.Timestamp, value.TimestampLTZ:
		if t.Precision > postgresFractionMax {
			return fmt.Sprintf("PostgreSQL has %d digits of a second at most", postgresFractionMax)
		}
		return ""
	case value.Array:
		if t.Elem.Kind == value.Array {
			return "arrays of arrays are not read"
		}
		return d.refusal(*t.Elem)
	case value.Boolean, value.TinyInt, value.SmallInt, value.Int, value.BigInt, value.Float, value.Double, value.Decimal,
		value.Char, value.Varchar, value.Binary, value.Varbinary, value.Date, value.Time:
		return ""
	}
	return "PostgreSQL has no such type"
}

var postgresFamilies = map[string]family{
	"INT2": integerFamily, "INT4": integerFamily, "INT8": integerFamily, "OID": integerFamily, "NUMERIC": decimalFamily,
	"FLOAT4": floatFamily, "FLOAT8": floatFamily, "BOOL": booleanFamily,
	"TEXT": textFamily, "VARCHAR": textFamily, "BPCHAR": textFamily, "NAME": textFamily,
	"BYTEA": bytesFamily, "DATE": dateFamily, "TIME": timeFamily, "TIMESTAMP": timestampFamily, "TIMESTAMPTZ": timestampFamily,
}

func (postgresDialect) familyOf(databaseType string) family {
	if strings.HasPrefix(databaseType, "_") {
		return listFamily
	}
	return postgresFamilies[databaseType]
}

// encode spells everything but bytes, so that the database reads it as whatever
// its column is.
func (d postgresDialect) encode(c *batch.Column, i int) (any, bool) {
	if c.Type.IsBytes() {
		return append([]byte{}, c.Bytes(i)...), true
	}
	if c.Type.Kind == value.Array {
		return d.list(c, i)
	}
	return d.text(c, i), true
}

func (postgresDialect) text(c *batch.Column, i int) string {
	switch c.Type.Kind {
	case value.Float, value.Double:
		bits := 64
		if c.Type.Kind == value.Float {
			bits = 32
		}
		return strconv.FormatFloat(c.Floats[i], 'g', -1, bits) // Inf and NaN are understood
	case value.TimestampLTZ:
		return textOf(c, i) + "+00"
	case value.Binary, value.Varbinary:
		return fmt.Sprintf(`\x%x`, c.Bytes(i))
	}
	return textOf(c, i)
}

// isTransient goes by the class of the error: connections, resources, operators,
// and transactions that stood in each other's way.
func (postgresDialect) isTransient(err error) bool {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		switch said.Code {
		case "40001", "40P01", "55P03":
			return true
		}
		return strings.HasPrefix(said.Code, "08") || strings.HasPrefix(said.Code, "53") || strings.HasPrefix(said.Code, "57P")
	}
	var connecting *pgconn.ConnectError
	return errors.As(err, &connecting) || errors.Is(err, driver.ErrBadConn) || pgconn.SafeToRetry(err)
}

func (postgresDialect) refused(err error) *problem.Problem {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return nil
	}
	code := problem.InvalidQuery
	switch {
	case strings.HasPrefix(said.Code, "28"), said.Code == "3D000": // who connects; no such database
		code = problem.InvalidOption
	case said.Code == "42P01":
		code = problem.UnknownTable
	case strings.HasPrefix(said.Code, "22"), strings.HasPrefix(said.Code, "23"): // values; constraints
		code = problem.InvalidValue
	}
	return problem.New(code, "PostgreSQL refuses: %s (%s)", said.Message, said.Code)
}
