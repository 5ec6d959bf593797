package catalog

import "testing"

func TestMaskedHidesSecretsAndNothingElse(t *testing.T) {
	for statement, want := range map[string]string{
		`WITH ('password' = 'it''s', 'url' = 'jdbc:mysql://h:3306/d?useSSL=false')`:      `WITH ('password' = '******', 'url' = 'jdbc:mysql://h:3306/d?useSSL=false')`,
		`WITH ('properties.sasl.jaas.config' = 'x y', 'topic' = 't')`:                    `WITH ('properties.sasl.jaas.config' = '******', 'topic' = 't')`,
		`'url' = 'jdbc:postgresql://h/d?user=u&password=p%26q&sslmode=require'`:          `'url' = 'jdbc:postgresql://h/d?user=u&password=******&sslmode=require'`,
		`'url' = 'jdbc:mysql://root:geheim@h:3306/d'`:                                    `'url' = 'jdbc:mysql://root:******@h:3306/d'`,
		`SELECT token, secret = 'a' FROM t /*+ OPTIONS('password' = 'p') */ WHERE x>'b'`: `SELECT token, secret = 'a' FROM t /*+ OPTIONS('password' = '******') */ WHERE x>'b'`,
	} {
		if got := Masked(statement); got != want {
			t.Errorf("%s\nbecame %s\nwant   %s", statement, got, want)
		}
	}
}
