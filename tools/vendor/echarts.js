// The parts of ECharts that the pages use, and nothing else: a third of the whole. Single bars and shares are drawn by the server.
import * as echarts from "echarts/core";
import { BarChart, LineChart, MapChart } from "echarts/charts";
import { GeoComponent, GridComponent, TooltipComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";

echarts.use([BarChart, LineChart, MapChart, GeoComponent, GridComponent, TooltipComponent, CanvasRenderer]);
window.echarts = echarts;
