-- Prices of a bidder that fall and then rise.

SELECT bidder, began, lowest, ended
FROM bids MATCH_RECOGNIZE (
  PARTITION BY bidder
  ORDER BY `dateTime`
  MEASURES
    start_row.`dateTime` AS began,
    LAST(down.price) AS lowest,
    up.`dateTime` AS ended
  ONE ROW PER MATCH
  AFTER MATCH SKIP TO LAST up
  PATTERN (start_row down+ up)
  DEFINE
    down AS down.price < LAST(down.price, 1) OR LAST(down.price, 1) IS NULL AND down.price < start_row.price,
    up AS up.price > LAST(down.price)
);
