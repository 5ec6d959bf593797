-- Bids by people who also sell, with the person and every auction of theirs.

SELECT
  bi.bidder, bi.price, bi.channel, bi.url, bi.extra,
  pe.id, pe.`name`, pe.emailAddress, pe.creditCard, pe.city, pe.`state`, pe.extra,
  au.itemName, au.`description`, au.initialBid, au.reserve, au.`dateTime`, au.expires, au.seller, au.category, au.extra
FROM bids AS bi
JOIN people AS pe ON pe.id = bi.bidder
JOIN auctions AS au ON au.seller = bi.bidder;
