-- Bids of a bidder that are cheap on average, until they are not, one after the other.

SELECT bidder, began, cheap, price
FROM bids MATCH_RECOGNIZE (
  PARTITION BY bidder
  ORDER BY `dateTime`
  MEASURES
    FIRST(a.`dateTime`) AS began,
    AVG(a.price) AS cheap,
    b.price AS price
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (a+ b)
  DEFINE
    a AS AVG(a.price) < 10000
);
