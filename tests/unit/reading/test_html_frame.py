"""What of a page is its frame, and what nobody sees on it."""

import pytest

from app.reading import html
from app.reading.contract import Reading, tidy

TEXT = "员工每年享有十天年假，病假须附证明，事假由主管批准。"


def read(page):
    reading = Reading(max_pages=100)
    return [block for whole in html.read(page.encode(), reading) for block in tidy(whole)], reading


def content(page):
    return [block.text for block in read(page)[0] if block.kind != "margin"]


def margins(page):
    return [block.text for block in read(page)[0] if block.kind == "margin"]


CONFLUENCE = f"""<body class="theme-default"><div id="header"><nav class="aui-header">Spaces People</nav></div>
<div class="ia-splitter-left"><div class="acs-side-bar">空间目录</div></div>
<div id="main"><div id="breadcrumb-section">首页 / 人事</div><h1 id="title-text">请假制度</h1>
<div class="page-metadata">由张三创建</div><div id="main-content" class="wiki-content"><h2>年假</h2><p>{TEXT}</p>
<div class="toc">1 年假</div><table class="confluenceTable"><tr><th>项目<th>天数<tr><td>年假<td>10</table></div>
<div id="likes-and-labels-container">点赞</div></div><div id="footer">Powered by a wiki</div>"""

MEDIAWIKI = f"""<body><div id="content"><a id="top"></a><div id="siteNotice">通知</div>
<h1 id="firstHeading">请假制度</h1><div id="bodyContent"><div id="jump-to-nav">跳转</div>
<div id="mw-content-text"><h2>年假<span class="mw-editsection">[编辑]</span></h2><p>{TEXT}</p>
<table class="navbox"><tr><td>相关条目<td>病假</table></div><div id="catlinks">分类</div></div></div>
<div id="mw-navigation"><div id="mw-panel">主页</div></div><div id="footer">版权</div>"""

SHAREPOINT = f"""<body><div id="suiteBar">OneDrive</div><div id="s4-ribbonrow">浏览</div><div id="s4-workspace">
<div id="sideNavBox">快速启动</div>
<div id="DeltaPlaceHolderMain" role="main"><h1>请假制度</h1><h2>年假</h2><p>{TEXT}</p>
</div></div><div class="cookie-consent-banner">我们使用 Cookie</div>"""


@pytest.mark.parametrize("page", [CONFLUENCE, MEDIAWIKI, SHAREPOINT])
def test_a_page_of_a_wiki_gives_its_title_and_its_text_and_its_frame_as_margins(page):
    blocks, _ = read(page)
    found = [(block.text, block.level) for block in blocks if block.kind != "margin"]

    assert found[:3] == [("请假制度", 1), ("年假", 2), (TEXT, 0)]
    assert all("| 年假 | 10 |" in text for text, _ in found[3:])
    assert len([block for block in blocks if block.kind == "margin"]) >= 3


@pytest.mark.parametrize(
    "start",
    [
        "<nav>",
        "<footer>",
        "<aside>",
        "<div role=navigation>",
        "<div role=banner>",
        "<div role=contentinfo>",
        "<div role=dialog>",
        "<div class='x left-nav'>",
        "<div id=sidebar>",
        "<div class=breadcrumbs>",
        "<div id=CookieConsent>",
        "<div class='site-footer'>",
        "<div id=onetrust-consent-sdk>",
        "<ul class=pagination><li>",
    ],
)
def test_an_element_that_says_it_is_the_frame_is_a_margin(start):
    page = f"<p>{TEXT}</p>{start}a frame</div></nav></ul></footer></aside><p>{TEXT}"

    assert content(page) == [TEXT, TEXT]
    assert "a frame" in margins(page)[0]


@pytest.mark.parametrize(
    "start",
    [
        "<div class=content>",
        "<div class='has-sidebar with-menu'>",
        "<div class=navigator-help>",
        "<header>",
        "<article><aside>",
        "<blockquote><footer>",
        "<form>",
        "<article class=menu>",
    ],
)
def test_an_element_that_says_nothing_of_the_kind_is_content(start):
    assert "a text" in " ".join(content(f"<p>{TEXT}</p>{start}a text"))


def test_a_frame_that_holds_the_content_is_none():
    assert content(f"<div class=sidebar><main><h1>标题</h1><p>{TEXT}</main></div>") == ["标题", TEXT]
    assert content(f"<p>{TEXT}</p><div class=nav><h1>标题</h1>正文</div>") == [TEXT, "标题", "正文"]


def test_what_stands_around_the_content_is_a_margin_only_if_it_is_the_lesser_part():
    assert margins(f"<div>around</div><main><p>{TEXT}</main><div>below</div>") == ["around", "below"]
    assert margins(f"<div>{TEXT}</div><main><p>short</main>") == []
    assert margins(f"<article>{TEXT}</article><article>{TEXT}</article>") == []


def test_scripts_do_not_count_as_text():
    page = f"<main><p>{TEXT}</main><div>around</div><script>{'x' * 10_000}</script>"

    assert content(page) == [TEXT]
    assert content(page.replace("main", "div", 2)) == [TEXT, "around"]


def test_a_page_whose_menus_hold_everything_is_kept():
    page = "<div class=menu>全部内容都在这里。</div>"

    assert [(block.kind, block.text) for block in read(page)[0]] == [("paragraph", "全部内容都在这里。")]


@pytest.mark.parametrize(
    "how",
    [
        "hidden",
        "style='display:none'",
        "style='color:red; DISPLAY : NONE !important'",
        "style='visibility:hidden'",
        "style='opacity:0'",
        "style='opacity: 0.0;'",
        "style='font-size:0'",
        "style='font-size:1px'",
        "style='font-size:0.01em'",
        "style='mso-hide:all'",
        "style='max-height:0;overflow:hidden'",
        "style='position:absolute;left:-9999px'",
        "style='text-indent:-9999px'",
        "style='color:transparent'",
        "style='color:rgba(0,0,0,0)'",
        "style='color:#fff'",
        "style='color:#fefefe'",
        "style='color: white'",
        "style='background:#123456;color:#123455'",
        "style='color:rgb(18, 52, 86);background-color:#123456'",
        "aria-hidden=true",
    ],
)
def test_what_nobody_sees_is_left_out_and_counted(how):
    blocks, reading = read(f"<p>{TEXT}</p><div {how}><b>unseen</b></div><p>{TEXT}")

    assert [block.text for block in blocks] == [TEXT, TEXT]
    assert reading.notes == ["1 hidden pieces of text were left out"]


@pytest.mark.parametrize(
    "start",
    [
        "<div style='font-size:0'><span style='font-size:14px'>",
        "<div style='background:#000;color:#fff'>",
        "<table bgcolor=#003366><tr><td style='color:#fff'>",
        "<div style='color:#fff'><span style='color:#000'>",
        "<div style='opacity:0.5;font-size:smaller'>",
        "<div style='height:0'>",
        "<div hidden=until-found>",
        "<div style='background:url(a.png);color:white'>",
        "<div style='text-indent:-2em;color:var(--a)'>",
        "<body style='opacity:0'>",
        "<body style='display:none'>",
        f"<div aria-hidden=true>{TEXT * 5}",
    ],
)
def test_what_can_be_seen_is_kept(start):
    blocks, reading = read(f"{start}seen text")

    assert "seen text" in blocks[-1].text
    assert reading.notes == []


def test_white_text_is_kept_where_a_style_sheet_may_colour_its_background():
    element = "<div class=head><p style='color:#fff'>seen text</div>"

    assert content(f"<style>.head{{background:navy}}</style>{element}") == ["seen text"]
    assert content(f"<link rel=stylesheet href=a.css>{element}") == ["seen text"]
    assert content(f"<style>.head{{margin:0}}</style><p>{TEXT}</p>{element}") == [TEXT]


def test_a_page_that_hides_all_its_text_says_so():
    blocks, reading = read("<body><p hidden>a</p><p style='display:none'>b")

    assert blocks == []
    assert reading.empty_reason == "all text of the page is hidden from those who look at it"


def test_nothing_that_a_page_leads_to_is_text():
    page = f"""<base href="http://evil/"><meta http-equiv=refresh content="0;url=http://evil/"><link rel=x href=http://evil/>
<img src=http://evil/a srcset="http://evil/b 2x" alt=""><iframe src=http://evil/ srcdoc="<p>framed"></iframe>
<xi:include href="file:///etc/passwd"/><object data=file:///etc/passwd>fallback</object><p>{TEXT}"""

    assert content(page) == [TEXT]
