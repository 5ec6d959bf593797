-- A high bid of a bidder that a higher one follows within five seconds.

SELECT bidder, high, higher, ended
FROM bids MATCH_RECOGNIZE (
  PARTITION BY bidder
  ORDER BY `dateTime`
  MEASURES
    a.price AS high,
    c.price AS higher,
    c.`dateTime` AS ended
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (a b* c) WITHIN INTERVAL '5' SECOND
  DEFINE
    a AS a.price > 10000000,
    b AS b.price <= a.price,
    c AS c.price > a.price
);
