package jdbc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// exchange is a table with columns of all types: how it is made there, how it is
// declared here, its rows as the database writes them, and as the program shows
// them.
type exchange struct {
	made, declared string
	rows, shown    []string
}

var exchanges = map[string]exchange{
	"MariaDB": {
		made: `id INT PRIMARY KEY, flag TINYINT(1), switched BIT(1), tiny TINYINT, utiny TINYINT UNSIGNED, small SMALLINT, usmall SMALLINT UNSIGNED, medium MEDIUMINT,
			num INT, unum INT UNSIGNED, big BIGINT, ubig BIGINT UNSIGNED, f FLOAT, d DOUBLE, price DECIMAL(38, 10), name VARCHAR(40), letter CHAR(3), story TEXT,
			octets VARBINARY(20), blobs BLOB, day DATE, clock TIME(3), at DATETIME(6), instant TIMESTAMP(6) NULL, doc JSON, kind ENUM('a', 'b')`,
		declared: `id INT, flag BOOLEAN, switched BOOLEAN, tiny TINYINT, utiny SMALLINT, small SMALLINT, usmall INT, medium INT,
			num INT, unum BIGINT, big BIGINT, ubig DECIMAL(20, 0), f FLOAT, d DOUBLE, price DECIMAL(38, 10), name STRING, letter CHAR(3), story STRING,
			octets BYTES, blobs BYTES, ` + "`day`" + ` DATE, clock TIME(3), ` + "`at`" + ` TIMESTAMP(6), instant TIMESTAMP_LTZ(6), doc STRING, kind STRING`,
		rows: []string{
			`1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL`,
			`2, FALSE, 0, -128, 0, -32768, 0, -8388608, -2147483648, 0, -9223372036854775808, 0, -3.4e38, -1.7976931348623157e308, -9999999999999999999999999999.9999999999, '', '', '',
			 '', '', '1000-01-01', '00:00:00', '1000-01-01 00:00:00', '1970-01-01 00:00:01', '{}', 'a'`,
			`3, TRUE, 1, 127, 255, 32767, 65535, 8388607, 2147483647, 4294967295, 9223372036854775807, 18446744073709551615, 1.5, 5e-324, 9999999999999999999999999999.9999999999,
			 'naïve 漢字 😀 ''quoted''\\', 'abc', 'a\nb', x'00ff27', x'5c', '9999-12-31', '23:59:59.999', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07.999999', '{"a": 1}', 'b'`,
			`4, TRUE, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.1, 0.1, 0.1, 'a', 'a', 'a', 'a', 'a', '2024-02-29', '12:34:56.789', '1969-12-31 23:59:59.999999', '2024-02-29 12:34:56.123456', '[]', 'a'`,
		},
		shown: []string{
			`["+I","1",null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null]`,
			`["+I","2","FALSE","FALSE","-128","0","-32768","0","-8388608","-2147483648","0","-9223372036854775808","0","-3.4E38","-1.7976931348623157E308","-9999999999999999999999999999.9999999999","","","","x''","x''","1000-01-01","00:00:00.000","1000-01-01 00:00:00.000000","1970-01-01 00:00:01.000000","{}","a"]`,
			`["+I","3","TRUE","TRUE","127","255","32767","65535","8388607","2147483647","4294967295","9223372036854775807","18446744073709551615","1.5","4.9E-324","9999999999999999999999999999.9999999999","naïve 漢字 😀 'quoted'\\","abc","a\nb","x'00ff27'","x'5c'","9999-12-31","23:59:59.999","9999-12-31 23:59:59.999999","2038-01-19 03:14:07.999999","{\"a\": 1}","b"]`,
			`["+I","4","TRUE","TRUE","1","1","1","1","1","1","1","1","1","0.1","0.1","0.1000000000","a","a","a","x'61'","x'61'","2024-02-29","12:34:56.789","1969-12-31 23:59:59.999999","2024-02-29 12:34:56.123456","[]","a"]`,
		},
	},
	"PostgreSQL": {
		made: `id INT PRIMARY KEY, flag BOOLEAN, small SMALLINT, num INT, big BIGINT, f REAL, d DOUBLE PRECISION, price NUMERIC(38, 10), name VARCHAR(40), letter CHAR(3), story TEXT,
			octets BYTEA, day DATE, clock TIME(3), at TIMESTAMP(6), instant TIMESTAMPTZ(6), doc JSONB, tag UUID,
			numbers INT[], names TEXT[], prices NUMERIC(10, 2)[], days DATE[], flags BOOLEAN[], raws BYTEA[], instants TIMESTAMPTZ[]`,
		declared: `id INT, flag BOOLEAN, small SMALLINT, num INT, big BIGINT, f FLOAT, d DOUBLE, price DECIMAL(38, 10), name STRING, letter CHAR(3), story STRING,
			octets BYTES, ` + "`day`" + ` DATE, clock TIME(3), ` + "`at`" + ` TIMESTAMP(6), instant TIMESTAMP_LTZ(6), doc STRING, tag STRING,
			numbers ARRAY<INT>, names ARRAY<STRING>, prices ARRAY<DECIMAL(10, 2)>, days ARRAY<DATE>, flags ARRAY<BOOLEAN>, raws ARRAY<BYTES>, instants ARRAY<TIMESTAMP_LTZ(6)>`,
		rows: []string{
			`1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL`,
			`2, FALSE, -32768, -2147483648, -9223372036854775808, '-Infinity', 'NaN', -9999999999999999999999999999.9999999999, '', '', '', '', '0001-01-01', '00:00', '0001-01-01 00:00',
			 '0001-01-01 00:00+00', '{}', '00000000-0000-0000-0000-000000000000', '{}', '{}', '{}', '{}', '{}', '{}', '{}'`,
			`3, TRUE, 32767, 2147483647, 9223372036854775807, 3.4e38, 5e-324, 9999999999999999999999999999.9999999999, 'naïve 漢字 😀 ''quoted''\', 'abc', E'a\nb', '\x00ff27',
			 '9999-12-31', '23:59:59.999', '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999999+00', '{"a": 1}', 'ffffffff-ffff-ffff-ffff-ffffffffffff',
			 '{1,NULL,-3}', ARRAY['a"b', 'c\d,', 'NULL', NULL, ''], '{1.5,-2}', '{2024-02-29}', '{t,f,NULL}', ARRAY['\x00ff'::bytea], '{2024-02-29 12:34:56.123456+00}'`,
			`4, TRUE, 1, 1, 1, 0.1, 0.1, 0.1, 'a', 'a', 'a', 'a', '2024-02-29', '12:34:56.789', '1969-12-31 23:59:59.999999', '2024-02-29 14:34:56.123456+02', '[]', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL`,
		},
		shown: []string{
			`["+I","1",null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null]`,
			`["+I","2","FALSE","-32768","-2147483648","-9223372036854775808","-Infinity","NaN","-9999999999999999999999999999.9999999999","","   ","","x''","0001-01-01","00:00:00.000","0001-01-01 00:00:00.000000","0001-01-01 00:00:00.000000","{}","00000000-0000-0000-0000-000000000000","[]","[]","[]","[]","[]","[]","[]"]`,
			`["+I","3","TRUE","32767","2147483647","9223372036854775807","3.4E38","4.9E-324","9999999999999999999999999999.9999999999","naïve 漢字 😀 'quoted'\\","abc","a\nb","x'00ff27'","9999-12-31","23:59:59.999","9999-12-31 23:59:59.999999","9999-12-31 23:59:59.999999","{\"a\": 1}","ffffffff-ffff-ffff-ffff-ffffffffffff","[1, NULL, -3]","[a\"b, c\\d,, NULL, NULL, ]","[1.50, -2.00]","[2024-02-29]","[TRUE, FALSE, NULL]","[x'00ff']","[2024-02-29 12:34:56.123456]"]`,
			`["+I","4","TRUE","1","1","1","0.1","0.1","0.1000000000","a","a  ","a","x'61'","2024-02-29","12:34:56.789","1969-12-31 23:59:59.999999","2024-02-29 12:34:56.123456","[]",null,null,null,null,null,null,null,null]`,
		},
	},
}

// TestTypesGoThereAndBack reads the rows, writes them to another table like the
// first, and reads them there.
func TestTypesGoThereAndBack(t *testing.T) {
	each(t, func(t *testing.T, p *peer) {
		x := exchanges[p.name]
		for _, table := range []string{"types", "copies"} {
			p.do(t, "DROP TABLE IF EXISTS "+table)
			p.do(t, "CREATE TABLE "+table+" ("+x.made+")")
		}
		for _, row := range x.rows {
			p.do(t, "INSERT INTO types VALUES ("+row+")")
		}
		columns := " (" + x.declared + ", PRIMARY KEY (id) NOT ENFORCED)"
		script := "CREATE TABLE types" + columns + p.with("types") + "CREATE TABLE copies" + columns + p.with("copies", "'sink.buffer-flush.max-rows' = '3'") +
			"INSERT INTO copies SELECT * FROM types;\n"
		if diff := cmp.Diff(x.shown, execute(t, script+"SELECT * FROM types;")); diff != "" {
			t.Errorf("read: %s", diff)
		}
		if diff := cmp.Diff(x.shown, execute(t, script+"SELECT * FROM copies;", "--mode", "batch")); diff != "" {
			t.Errorf("written and read: %s", diff)
		}
	})
}

// TestValuesThatDoNotFit name their column, and say what to do.
func TestValuesThatDoNotFit(t *testing.T) {
	each(t, func(t *testing.T, p *peer) {
		p.do(t, "DROP TABLE IF EXISTS odd")
		made := map[string]string{
			"MariaDB":    "CREATE TABLE odd (id INT PRIMARY KEY, big BIGINT, at DATETIME, place GEOMETRY)",
			"PostgreSQL": "CREATE TABLE odd (id INT PRIMARY KEY, big BIGINT, at TIMESTAMP, place POINT)",
		}[p.name]
		p.do(t, made)
		p.do(t, "INSERT INTO odd (id, big) VALUES (1, 3000000000)")
		zero := map[string]string{"MariaDB": "0000-00-00 00:00:00", "PostgreSQL": "infinity"}[p.name]
		if p.name == "MariaDB" {
			p.do(t, "SET STATEMENT sql_mode = '' FOR INSERT INTO odd (id, at) VALUES (2, '"+zero+"')")
		} else {
			p.do(t, "INSERT INTO odd (id, at) VALUES (2, '"+zero+"')")
		}
		for columns, wants := range map[string][]string{
			"id INT, big INT":              {"column big of", "3000000000", "INT"},
			"id INT, `at` TIMESTAMP(3)":    {"column at of", zero},
			"id INT, place DOUBLE":         {"column place of", "no DOUBLE"},
			"id INT, bigger BIGINT":        {"no column bigger", "big"},
			"id INT, `at` DECIMAL(10, 2)":  {"column at of", "TIME"},
			"id INT, `at` TIMESTAMP(9)":    {"column at of", "6 digits"},
			"id INT, big MAP<INT, STRING>": {"column big of", "no such type"},
		} {
			said := refused(t, "CREATE TABLE odd ("+columns+")"+p.with("odd")+"SELECT * FROM odd;")
			for _, want := range wants {
				if !strings.Contains(said, want) {
					t.Errorf("%s: no %q in: %s", columns, want, said)
				}
			}
		}
		if p.name != "MariaDB" {
			return
		}
		p.url += "?zeroDateTimeBehavior=CONVERT_TO_NULL"
		defer func() { p.url, _, _ = strings.Cut(p.url, "?") }()
		got := execute(t, "CREATE TABLE odd (id INT, `at` TIMESTAMP(3))"+p.with("odd")+"SELECT * FROM odd WHERE id = 2;")
		if diff := cmp.Diff([]string{`["+I","2",null]`}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestSecretsStaySecret in what is shown and in what goes wrong.
func TestSecretsStaySecret(t *testing.T) {
	each(t, func(t *testing.T, p *peer) {
		table := "CREATE TABLE c (id INT)" + p.with("nowhere")
		if shown := execute(t, table+"SHOW CREATE TABLE c;\nEXPLAIN TREE FOR SELECT * FROM c /*+ OPTIONS('password' = '"+password+"') */;"); strings.Contains(strings.Join(shown, "\n"), password) {
			t.Errorf("%s", shown)
		}
		for what, script := range map[string]string{
			"table":    table + "SELECT * FROM c;",
			"password": strings.Replace(table, "'"+password+"'", "'falsch-"+password+"'", 1) + "SELECT * FROM c;",
			"database": strings.Replace(table, p.url, p.url+"x?password="+password, 1) + "SELECT * FROM c;",
		} {
			if said := refused(t, script); strings.Contains(said, password) || !strings.Contains(said, "refuses") {
				t.Errorf("no such %s: %s", what, said)
			}
		}
	})
}
