"""HTTP statuses, bare and as httpx raises them, with the bodies that really come with them."""

from __future__ import annotations

import httpx

from actors.errors import ExchangeRefused
from tests.errors.labelled.shape import Shape, same, shape

NGINX = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n<hr><center>nginx</center>\r\n"
    "</body>\r\n</html>\r\n"
)
CLOUDFRONT = (
    '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" "http://www.w3.org/TR/html4/loose.dtd">\n<HTML><HEAD>'
    '<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=iso-8859-1">\n<TITLE>ERROR: The request could not be satisfied'
    '</TITLE>\n</HEAD><BODY>\n<H1>403 ERROR</H1>\n<H2>The request could not be satisfied.</H2>\n<HR noshade size="1px">\n{0}\n'
)
CLOUDFLARE = (
    '<!DOCTYPE html>\n<html class="no-js" lang="en-US">\n<head>\n<title>{0}</title>\n<meta charset="UTF-8" />\n</head>\n<body>'
    '<div id="cf-wrapper"><div id="cf-error-details" class="p-0">Cloudflare Ray ID: 8a1b2c3d4e5f</div></div></body></html>'
)


def refused_by(status: int, body: str, host: str = "api.example.com", method: str = "POST", **headers: str) -> object:
    request = httpx.Request(method, f"https://{host}/api/v3/order?symbol=BTCUSDT&timestamp=1")
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    response = httpx.Response(status, headers=names, text=body, request=request)
    try:
        response.raise_for_status()
    except httpx.HTTPStatusError as error:
        return error
    raise AssertionError("a status that is no error")


# RFC 9110, RFC 6585; Cloudflare's own 52x and 530 (developers.cloudflare.com, "5xx errors"): 521, 523, 525, 526 and 530 say
# that nothing reached the origin, 520, 522 and 524 that it may have.
STATUSES = [
    shape("validation fix", "400", same(400)),
    shape("authentication never", "401", same(401)),
    shape("authentication never", "403", same(403)),
    shape("validation fix", "404", same(404)),
    shape("validation fix", "405", same(405)),
    shape("configuration never", "407 proxy authentication", same(407)),
    # Binance's futures say 408 when their backend did not answer.
    shape("unknown_outcome reconcile", "408", same(408)),
    shape("unknown_outcome reconcile", "409", same(409)),
    shape("exchange never", "410", same(410)),
    shape("validation fix", "413", same(413)),
    shape("validation fix", "414", same(414)),
    shape("validation fix", "415", same(415)),
    shape("rate_limit wait", "418 banned", same(418)),
    shape("validation fix", "422", same(422)),
    shape("rate_limit wait", "429", same(429)),
    shape("exchange never", "451", same(451)),
    shape("unknown_outcome reconcile", "500", same(500)),
    shape("exchange never", "501 not implemented", same(501)),
    shape("unknown_outcome reconcile", "502", same(502)),
    shape("unknown_outcome reconcile", "503", same(503)),
    shape("unknown_outcome reconcile", "504", same(504)),
    shape("unknown_outcome reconcile", "520 Cloudflare", same(520)),
    shape("exchange retry", "521 Cloudflare, origin refused", same(521)),
    shape("unknown_outcome reconcile", "522 Cloudflare, origin did not acknowledge", same(522)),
    shape("exchange retry", "523 Cloudflare, origin unreachable", same(523)),
    shape("unknown_outcome reconcile", "524 Cloudflare, origin too slow", same(524)),
    shape("exchange retry", "525 Cloudflare, TLS to the origin", same(525)),
    shape("exchange retry", "530 Cloudflare, origin not found", same(530)),
    shape("exchange never", "301 moved", same(301)),
]

# JKorf/Binance.Net#115 (CloudFront), gocryptotrader#2190 (410), Binance's REST rules on HTTP statuses, Bybit's and OKX's pages
# on rate limits, Cloudflare's pages as Kraken and Coinbase send them.
BODIES = [
    shape(
        "rate_limit wait",
        "Binance 429",
        lambda: refused_by(
            429,
            '{"code":-1003,"msg":"Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please use '
            'WebSocket Streams for live updates to avoid polling the API."}',
            "api.binance.com",
            retry_after="17",
        ),
        17.0,
    ),
    shape(
        "rate_limit wait",
        "Binance 418",
        lambda: refused_by(
            418,
            '{"code":-1003,"msg":"Way too much request weight used; IP banned until 1784548800000. Please use '
            "WebSocket Streams for live "
            'updates to avoid bans."}',
            "api.binance.com",
            retry_after="1713",
        ),
        1713.0,
    ),
    shape(
        "unknown_outcome reconcile",
        "Binance 503, unknown error",
        lambda: refused_by(
            503, '{"code":-1000,"msg":"Unknown error, please check your request or try again later."}', "api.binance.com"
        ),
    ),
    shape(
        "exchange retry",
        "Binance 503, unavailable",
        lambda: refused_by(503, '{"code":-1000,"msg":"Service Unavailable."}', "api.binance.com"),
    ),
    shape(
        "exchange retry",
        "Binance 503, overloaded",
        lambda: refused_by(
            503,
            '{"code":-1008,"msg":"Server is currently overloaded with other requests. Please try again in a few minutes."}',
            "api.binance.com",
        ),
    ),
    shape(
        "unknown_outcome reconcile",
        "Binance 504, HTML",
        lambda: refused_by(504, NGINX.format("504 Gateway Time-out"), "api.binance.com"),
    ),
    shape(
        "unknown_outcome reconcile",
        "Binance 502, HTML",
        lambda: refused_by(502, NGINX.format("502 Bad Gateway"), "api.binance.com"),
    ),
    shape("exchange never", "Binance 410, nginx", lambda: refused_by(410, NGINX.format("410 Gone"), "api.binance.com")),
    shape(
        "rate_limit wait",
        "Binance 403, CloudFront blocked",
        lambda: refused_by(
            403,
            CLOUDFRONT.format(
                "Request blocked.\nWe can't connect to the server for this app or website at this time. There might be too "
                "much traffic or a configuration error."
            ),
            "api.binance.com",
        ),
    ),
    shape(
        "exchange never",
        "Bybit 403, CloudFront by country",
        lambda: refused_by(
            403,
            CLOUDFRONT.format("The Amazon CloudFront distribution is configured to block access from your country."),
            "api.bybit.com",
        ),
    ),
    shape(
        "exchange never",
        "Binance 451",
        lambda: refused_by(
            451,
            '{"code":0,"msg":"Service unavailable from a restricted location according to \'b. Eligibility\' in '
            "https://www.binance.com/en/terms. Please contact customer service if you believe you received "
            'this message in error."}',
            "api.binance.com",
        ),
    ),
    shape(
        "rate_limit wait",
        "Bybit 403, too frequent",
        lambda: refused_by(403, "403, access too frequent. Please try your request later.", "api.bybit.com"),
    ),
    shape(
        "unknown_outcome reconcile",
        "Kraken 520",
        lambda: refused_by(
            520, CLOUDFLARE.format("api.kraken.com | 520: Web server is returning an unknown error"), "api.kraken.com"
        ),
    ),
    shape(
        "exchange retry",
        "Kraken 521",
        lambda: refused_by(521, CLOUDFLARE.format("api.kraken.com | 521: Web server is down"), "api.kraken.com"),
    ),
    shape("rate_limit wait", "Kraken 429, Cloudflare 1015", lambda: refused_by(429, "error code: 1015", "api.kraken.com")),
    shape(
        "rate_limit wait",
        "Coinbase 403, Cloudflare challenge",
        lambda: refused_by(403, CLOUDFLARE.format("Just a moment..."), "api.coinbase.com"),
    ),
    shape("authentication never", "Coinbase 401, plain", lambda: refused_by(401, "Unauthorized\n", "api.coinbase.com")),
    shape(
        "rate_limit wait",
        "Coinbase 429",
        lambda: refused_by(429, '{"errors":[{"id":"rate_limit_exceeded","message":"Too many requests"}]}', "api.coinbase.com"),
    ),
    shape("rate_limit wait", "OKX 429", lambda: refused_by(429, '{"msg":"Too Many Requests","code":"50011"}', "www.okx.com")),
    shape(
        "exchange retry",
        "OKX 503",
        lambda: refused_by(
            503, '{"code":"50001","data":[],"msg":"Service temporarily unavailable. Please try again later"}', "www.okx.com"
        ),
    ),
    shape("unknown_outcome reconcile", "500 without a body", lambda: refused_by(500, "")),
    shape("validation fix", "400 without a known body", lambda: refused_by(400, "Bad Request")),
    shape(
        "unknown_outcome reconcile",
        "503 with Retry-After",
        lambda: refused_by(503, "upstream connect error", retry_after="30"),
        30.0,
    ),
    shape("rate_limit wait", "429 without anything", lambda: refused_by(429, "")),
    shape(
        "unknown_outcome reconcile",
        "refused 502",
        lambda: ExchangeRefused(502, 0, NGINX.format("502 Bad Gateway"), venue="binance"),
    ),
    shape("exchange never", "refused 410", lambda: ExchangeRefused(410, 0, NGINX.format("410 Gone"), venue="binance")),
    shape(
        "rate_limit wait",
        "refused 403",
        lambda: ExchangeRefused(403, 0, "<html><head><title>403 Forbidden</title></head></html>", venue="binance"),
    ),
    shape("validation fix", "page 404", same(NGINX.format("404 Not Found"))),
    shape("unknown_outcome reconcile", "page 502", same(NGINX.format("502 Bad Gateway").encode())),
    shape("unknown_outcome reconcile", "page 524", same(CLOUDFLARE.format("api.kraken.com | 524: A timeout occurred"))),
]

SHAPES: list[Shape] = [*STATUSES, *BODIES]
