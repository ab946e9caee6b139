"""Hostile text may be shown but cannot load, run or disguise itself."""

from __future__ import annotations

from html.parser import HTMLParser

import pandas as pd
import pytest

from smallbert.report.sanitise import TAGS, MissingAlt, clean, inline, markdown

PIXEL = "data:image/png;base64,iVBORw0KGgo="
HOSTILE = [
    "<script>alert(1)</script>",
    "<ScRiPt src=https://evil.example/x.js></sCrIpT >",
    "<img src=x onerror=alert(1)>",
    "<img src=https://evil.example/pixel.png alt=a>",
    f'<img src="{PIXEL}" alt="a" onload="alert(1)">',
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href=" java\tscript:alert(1)">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<a href="//evil.example">x</a>',
    '<p style="background:url(https://evil.example)" onclick="alert(1)">x</p>',
    "<style>@import 'https://evil.example/x.css'</style>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    '<meta http-equiv="refresh" content="0;url=https://evil.example">',
    "<base href=https://evil.example>",
    "<form action=https://evil.example><button>x</button></form>",
    "<details ontoggle=alert(1) open>x</details>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<math href='javascript:alert(1)'><mi xlink:href='javascript:alert(1)'>x</mi></math>",
    '<h2 id="content">x</h2>',
    "<!--<img src=x onerror=alert(1)>-->",
    "![x](https://evil.example/pixel.png)",
    "[x](javascript:alert(1))",
    '"><script>alert(1)</script>',
]


class Elements(HTMLParser):
    """Every element with its attributes."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def assert_inert(html):
    for tag, attributes in Elements(html).found:
        assert tag in TAGS, tag
        for name, value in attributes.items():
            assert not name.startswith("on") and name not in ("style", "id", "srcset", "srcdoc"), name
            if name == "src":
                assert value.startswith("data:image/")
            if "href" in name:
                assert tag == "a" and value.startswith(("https://", "http://", "#")), value


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert_as_html_and_as_markdown(text):
    assert_inert(clean(text))
    assert_inert(clean(f"<table><tr><td>{text}</td></tr></table>"))
    assert_inert(markdown(f"A title: {text}"))
    assert_inert(inline(text))


def test_escaped_text_of_a_data_frame_is_shown_as_it_was():
    frame = pd.DataFrame({"title": ["<script>alert(1)</script>", "A & B"]})
    html = clean(frame._repr_html_())
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html and "A &amp; B" in html
    assert_inert(html)
    assert "dataframe tbody" not in html  # the frame's style sheet is not shown as text


def test_tables_get_scopes_and_a_labelled_box_that_scrolls():
    head, body = "<tr><th></th><th>x</th></tr>", "<tr><th>a</th><td class='number'>1</td></tr>"
    html = clean(f"<table><caption>Two <b>words</b></caption><thead>{head}</thead><tbody>{body}</tbody></table>")
    box, table = Elements(html).found[:2]
    assert box == ("div", {"class": "scroll", "tabindex": "0", "role": "group", "aria-label": "Two words"})
    assert table == ("table", {})
    assert html.count('scope="col"') == 2 and html.count('scope="row"') == 1
    assert '<td class="number">1</td>' in html
    assert html.rstrip().endswith("</table></div>")


@pytest.mark.parametrize(
    ("caption", "label"),
    [("<figcaption><b>Figure <i>1.2</i>.</b> So.</figcaption>", "Figure 1.2."), ("", "Figure")],
)
def test_drawings_get_a_labelled_box_that_scrolls(caption, label):
    html = clean(f'<figure id="dots"><img src="{PIXEL}" alt="A line that falls.">{caption}</figure><p>After</p>')
    figure, box, image = Elements(html).found[:3]
    assert figure == ("figure", {"id": "dots"}) and image[0] == "img"
    assert box == ("div", {"class": "scroll", "tabindex": "0", "role": "group", "aria-label": label})
    assert html.count("</div>") == 1 and html.index("</div>") < html.index("</figure>")


def test_a_picture_outside_a_figure_stands_alone():
    html = clean(f'<figure><figcaption>x</figcaption></figure><p><img src="{PIXEL}" alt="A line that falls."></p>')
    assert "scroll" not in html


def test_image_needs_words():
    assert clean(f'<img src="{PIXEL}" alt="A line that falls.">').count("alt=") == 1
    for attributes in ("", 'alt=""', 'alt="  "'):
        with pytest.raises(MissingAlt):
            clean(f'<img src="{PIXEL}" {attributes}>')


def test_prose_keeps_what_authors_use():
    html = markdown("> said *so*, see [it](https://doi.org/10.1/x)\n\n- `a < b`\n\n<math><mi>x</mi></math>")
    for piece in (
        "<blockquote>",
        "<em>so</em>",
        'href="https://doi.org/10.1/x"',
        "<code>a &lt; b</code>",
        "<mi>x</mi>",
    ):
        assert piece in html
