package jdbc

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// mysqlDialect speaks to MySQL and MariaDB.
type mysqlDialect struct{}

func (mysqlDialect) name() string       { return "MySQL" }
func (mysqlDialect) prefixes() []string { return []string{"jdbc:mysql://", "jdbc:mariadb://"} }
func (mysqlDialect) port() string       { return "3306" }

// Properties of a URL, as MySQL's own driver names them.
const (
	propertyZeroDates = "zeroDateTimeBehavior"
	propertyTLS       = "sslMode"
	propertyUseTLS    = "useSSL"
	propertyZone      = "serverTimezone"
	propertyZoneToo   = "connectionTimeZone"
)

func (mysqlDialect) properties() (used, ignored []string) {
	return []string{propertyZeroDates, propertyTLS, propertyUseTLS, propertyZone, propertyZoneToo}, []string{
		"allowPublicKeyRetrieval", "autoReconnect", "cachePrepStmts", "characterEncoding", "connectTimeout", "maxReconnects", "rewriteBatchedStatements",
		"socketTimeout", "tcpKeepAlive", "useCompression", "useCursorFetch", "useServerPrepStmts", "useUnicode",
	}
}

// transportModes are the driver's names of sslMode.
var transportModes = map[string]string{
	"": "preferred", "DISABLED": "false", "PREFERRED": "preferred", "REQUIRED": "skip-verify", "VERIFY_CA": "true", "VERIFY_IDENTITY": "true",
}

func (mysqlDialect) check(s server) error {
	if len(s.hosts) > 1 {
		return problem.New(problem.Unsupported, "the URL names several hosts of MySQL").About(optionURL).WithHint("name one")
	}
	for _, property := range []string{propertyZone, propertyZoneToo} {
		if zone := s.properties[property]; zone != "" && !strings.EqualFold(zone, "UTC") {
			return problem.New(problem.Unsupported, "%s is %q; times are exchanged in UTC", property, zone).About(optionURL).
				WithHint("declare columns that are TIMESTAMP there as TIMESTAMP_LTZ, and leave %s out", property)
		}
	}
	if _, known := transportModes[strings.ToUpper(s.properties[propertyTLS])]; !known {
		return problem.New(problem.InvalidOption, "%s is %q", propertyTLS, s.properties[propertyTLS]).About(optionURL).
			WithHint("there are DISABLED, PREFERRED, REQUIRED, VERIFY_CA and VERIFY_IDENTITY")
	}
	switch strings.ToUpper(s.properties[propertyZeroDates]) {
	case "", "EXCEPTION", "CONVERT_TO_NULL", "CONVERTTONULL":
		return nil
	}
	return problem.New(problem.Unsupported, "%s is %q", propertyZeroDates, s.properties[propertyZeroDates]).About(optionURL).WithHint("there are EXCEPTION and CONVERT_TO_NULL")
}

// nullsZeroDates reports whether 0000-00-00 is read as NULL.
func (s server) nullsZeroDates() bool {
	mode := strings.ToUpper(s.properties[propertyZeroDates])
	return mode == "CONVERT_TO_NULL" || mode == "CONVERTTONULL"
}

// open lets sessions be in UTC, and lets values that do not fit be errors. Short
// statements carry their arguments, which saves two round trips of each.
func (mysqlDialect) open(s server, timeout time.Duration) (*sql.DB, error) {
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName, c.User, c.Passwd = "tcp", s.hosts[0], s.database, s.user, s.password
	c.Timeout, c.InterpolateParams, c.MaxAllowedPacket = timeout, true, 0
	c.Params = map[string]string{"time_zone": "'+00:00'", "sql_mode": "CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES')"}
	c.Logger = &mysql.NopLogger{}
	c.TLSConfig = transportModes[strings.ToUpper(s.properties[propertyTLS])]
	if s.properties[propertyTLS] == "" && s.properties[propertyUseTLS] == "false" {
		c.TLSConfig = "false"
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("prepare connections to %s: %w", s, err)
	}
	return sql.OpenDB(connector), nil
}

func (mysqlDialect) path(parts []identifier) string {
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = quoted(p.text, "`")
	}
	return strings.Join(names, ".")
}

func (mysqlDialect) quote(name string) string { return quoted(name, "`") }

// mysqlDigitsMax is how many digits a DECIMAL of MySQL has at most.
const mysqlDigitsMax = 65

// argument casts texts of numbers: compared with a text, a DECIMAL would be
// rounded to a DOUBLE.
func (mysqlDialect) argument(_ int, t value.Type) string {
	if t.Kind == value.Decimal {
		return fmt.Sprintf("CAST(? AS DECIMAL(%d, %d))", mysqlDigitsMax, t.Scale)
	}
	return "?"
}

// upsert takes VALUES(…), which MySQL would like to be written in another way
// that MariaDB does not have.
func (d mysqlDialect) upsert(columns, keys []string) string {
	set := make([]string, len(columns))
	for i, c := range columns {
		set[i] = c + " = VALUES(" + c + ")"
	}
	if len(columns) == 0 {
		set = append(set, keys[0]+" = "+keys[0])
	}
	return " ON DUPLICATE KEY UPDATE " + strings.Join(set, ", ")
}

const mysqlFractionMax = 6 // digits of a second

func (mysqlDialect) refusal(t value.Type) string {
	switch t.Kind {
	case value.Timestamp, value.TimestampLTZ:
		if t.Precision > mysqlFractionMax {
			return fmt.Sprintf("MySQL has %d digits of a second at most", mysqlFractionMax)
		}
		return ""
	case value.Boolean, value.TinyInt, value.SmallInt, value.Int, value.BigInt, value.Float, value.Double, value.Decimal,
		value.Char, value.Varchar, value.Binary, value.Varbinary, value.Date, value.Time:
		return ""
	}
	return "MySQL has no such type"
}

var mysqlFamilies = map[string]family{
	"TINYINT": integerFamily, "SMALLINT": integerFamily, "MEDIUMINT": integerFamily, "INT": integerFamily, "BIGINT": integerFamily, "YEAR": integerFamily,
	"DECIMAL": decimalFamily, "FLOAT": floatFamily, "DOUBLE": floatFamily, "BIT": bitFamily,
	"CHAR": textFamily, "VARCHAR": textFamily, "TEXT": textFamily, "TINYTEXT": textFamily, "MEDIUMTEXT": textFamily, "LONGTEXT": textFamily,
	"BINARY": bytesFamily, "VARBINARY": bytesFamily, "BLOB": bytesFamily, "TINYBLOB": bytesFamily, "MEDIUMBLOB": bytesFamily, "LONGBLOB": bytesFamily, "GEOMETRY": bytesFamily,
	"DATE": dateFamily, "TIME": timeFamily, "DATETIME": timestampFamily, "TIMESTAMP": timestampFamily,
}

func (mysqlDialect) familyOf(databaseType string) family {
	return mysqlFamilies[strings.TrimPrefix(databaseType, "UNSIGNED ")]
}

func (mysqlDialect) encode(c *batch.Column, i int) (any, bool) {
	switch c.Type.Class() {
	case value.Bools:
		return c.Bools[i], true
	case value.Floats:
		f := c.Floats[i]
		if c.Type.Kind == value.Float { // the shortest text that is read as the same FLOAT
			f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'g', -1, 32), 64)
		}
		return f, !math.IsNaN(f) && !math.IsInf(f, 0)
	case value.Strings:
		if c.Type.IsBytes() {
			return append([]byte{}, c.Bytes(i)...), true
		}
		return string(c.Bytes(i)), true
	case value.Ints:
		if c.Type.IsInteger() {
			return c.Ints[i], true
		}
	}
	return textOf(c, i), true
}

// Numbers of errors that may be gone the next time.
var mysqlTransient = map[uint16]bool{
	1040: true, // too many connections
	1053: true, // shutting down
	1077: true, // shut down
	1152: true, // connection aborted
	1159: true, // time out while reading
	1161: true, // time out while writing
	1203: true, // too many connections of the user
	1205: true, // waited too long for a lock
	1213: true, // deadlock
	1317: true, // query interrupted
	1927: true, // connection killed
	3024: true, // query took too long
	4031: true, // closed because it was idle
}

func (mysqlDialect) isTransient(err error) bool {
	var said *mysql.MySQLError
	if errors.As(err, &said) {
		return mysqlTransient[said.Number]
	}
	return errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, mysql.ErrPktSync) || errors.Is(err, mysql.ErrMalformPkt) || errors.Is(err, driver.ErrBadConn)
}

func (mysqlDialect) refused(err error) *problem.Problem {
	var said *mysql.MySQLError
	if !errors.As(err, &said) {
		return nil
	}
	code := problem.InvalidQuery
	switch said.Number {
	case 1044, 1045, 1049: // no access, wrong password, no such database
		code = problem.InvalidOption
	case 1146: // no such table
		code = problem.UnknownTable
	case 1048, 1062, 1264, 1265, 1292, 1366, 1406, 1452: // NULL, duplicate, out of range, truncated, no such value, too long, foreign key
		code = problem.InvalidValue
	}
	return problem.New(code, "MySQL refuses: %s (%d)", said.Message, said.Number)
}
